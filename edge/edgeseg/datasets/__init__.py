"""Photographs with vessel masks: `--data NAME:DIR`, read in the layout in which each data set is published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeseg.datasets.pair import (
    FilePair,
    LoadedPair,
    Pair,
    Split,
    SplitChoice,
    second_observer_mask,
)
from edgeseg.datasets.published import read_chasedb1, read_drive, read_fives, read_hrf, read_stare
from edgeseg.datasets.synthetic_pairs import read_synthetic
from edgeseg.datasets.user_pairs import read_pairs
from edgeseg.errors import SystemSetupError, UsageError

__all__ = [
    "LICENCES", "READERS", "DataSet", "LoadedPair", "Pair", "Split", "SplitChoice", "open_data", "second_observer_mask",
    "split_of",
]  # fmt: skip

READERS: dict[str, Callable[[Path], list[FilePair]]] = {
    "drive": read_drive,
    "stare": read_stare,
    "chasedb1": read_chasedb1,
    "hrf": read_hrf,
    "fives": read_fives,
    "pairs": read_pairs,
}

LICENCES = {
    "drive": "for research use (Staal et al. 2004)",
    "stare": "for research use (Hoover et al. 2000)",
    "chasedb1": "understood to be CC BY 4.0, to be confirmed at the source before a release (Fraz et al. 2012)",
    "hrf": "CC BY 4.0 (Budai et al. 2013)",
    "fives": "understood to be CC BY 4.0, to be confirmed at the source before a release (Jin et al. 2022)",
    "pairs": "the user's own",
    "synthetic": "drawn by this project (Apache-2.0)",
}

EVERY = 5
"""Of a user's pairs without a split.csv, training sets aside every fifth."""


@dataclass(frozen=True)
class DataSet:
    """Some photographs of one data set.

    Attributes:
        name: as on the command line (`drive`, ...).
        split: what was asked for.
        pairs: in a stable order.
        notice: what the user should know about how the split was made, or "".
    """

    name: str
    split: SplitChoice
    pairs: tuple[Pair, ...]
    notice: str = ""


def open_data(spec: str, split: SplitChoice) -> DataSet:
    """`NAME:DIR` (or `synthetic:N`) and a split -> the photographs.

    Raises:
        UsageError: the name is unknown or the form is not `NAME:DIR`.
        SurroundingsError: the folder is not there, is in a wrong layout, or holds nothing of that split.
    """
    name, colon, place = spec.partition(":")
    if not colon or not place or name not in (*READERS, "synthetic"):
        known = ", ".join([f"{reader}:DIR" for reader in READERS] + ["synthetic:N"])
        raise UsageError(f"{spec}: expected one of {known}")
    pairs: Sequence[Pair]
    if name == "synthetic":
        pairs = read_synthetic(place)
    else:
        folder = _without_tilde(Path(place))
        if not folder.is_dir():
            raise SystemSetupError(f"{spec}: there is no folder {place}")
        pairs = _read(name, folder)
    chosen, notice = split_of(pairs, split)
    if not chosen:
        there = ", ".join(sorted({pair.split for pair in pairs if pair.split}))
        why = (
            f"there are {there}"
            if there
            else "add some: its only photograph is set aside for validation"
        )
        raise SystemSetupError(f"{spec}: no photographs of the split '{split}'; {why}")
    # Only what is asked for: a download of DRIVE without the test set's masks still trains.
    for pair in chosen:
        if isinstance(pair, FilePair):
            pair.check_complete()
    return DataSet(name, split, tuple(chosen), notice)


def _read(name: str, folder: Path) -> list[FilePair]:
    try:
        return READERS[name](folder)
    except OSError as error:
        raise SystemSetupError(
            f"{error.filename or folder}: cannot be read ({error.strerror})"
        ) from error


def _without_tilde(folder: Path) -> Path:
    """`~/DRIVE` -> the folder: a shell leaves the tilde of `drive:~/DRIVE` as it is."""
    try:
        return folder.expanduser()
    except RuntimeError:  # no such user, or no home: then it is an odd name, or an error
        return folder


def split_of(pairs: Sequence[Pair], split: SplitChoice) -> tuple[list[Pair], str]:
    """The pairs of a split, and a notice.

    Pairs that belong to no split (a user's own without a `split.csv`) all are a test set; for training every
    fifth, at least one, is set aside for validation.
    """
    if split == "all":
        return list(pairs), ""
    if any(pair.split is not None for pair in pairs):
        return [pair for pair in pairs if pair.split == split], ""
    if split == "test":
        return list(pairs), ""
    held_out = list(pairs[EVERY - 1 :: EVERY]) or list(pairs[-1:])
    notice = (
        f"no split.csv: {len(held_out)} of {len(pairs)} photographs are set aside for validation"
    )
    if split == "validation":
        return held_out, notice
    names = {pair.name for pair in held_out}
    return [pair for pair in pairs if pair.name not in names], notice
