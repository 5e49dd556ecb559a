"""The data sets of `--data NAME:DIR`: their readers, licences and splits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeseg.datasets.pair import FilePair, Pair, SplitChoice
from edgeseg.datasets.published import read_chasedb1, read_drive, read_fives, read_hrf, read_stare
from edgeseg.datasets.synthetic_pairs import read_synthetic
from edgeseg.datasets.user_pairs import read_pairs
from edgeseg.errors import SystemSetupError, UsageError

READERS: dict[str, Callable[[Path], list[FilePair]]] = {
    "drive": read_drive,
    "stare": read_stare,
    "chasedb1": read_chasedb1,
    "hrf": read_hrf,
    "fives": read_fives,
    "pairs": read_pairs,
}

_TO_CONFIRM = "understood to be CC BY 4.0, to be confirmed at the source before a release"

LICENCES = {
    "drive": "for research use (Staal et al. 2004)",
    "stare": "for research use (Hoover et al. 2000)",
    "chasedb1": f"{_TO_CONFIRM} (Fraz et al. 2012)",
    "hrf": "CC BY 4.0 (Budai et al. 2013)",
    "fives": f"{_TO_CONFIRM} (Jin et al. 2022)",
    "pairs": "the user's own",
    "synthetic": "drawn by this project (Apache-2.0)",
}

VALIDATION_INTERVAL = 5
"""Every fifth of a user's pairs is used for validation if there is no `split.csv`."""


@dataclass(frozen=True)
class DataSet:
    """The selected photographs of one data set.

    Attributes:
        name: name on the command line (`drive`, ...).
        split: selected split.
        pairs: photographs with their masks, in a stable order.
        notice: information for the user on how the split was made, or "".
    """

    name: str
    split: SplitChoice
    pairs: tuple[Pair, ...]
    notice: str = ""


def open_data(spec: str, split: SplitChoice) -> DataSet:
    """Open a data set and select a split.

    Args:
        spec: `NAME:DIR`, or `synthetic:N` for N generated photographs.
        split: split to select.

    Raises:
        UsageError: `spec` has an unknown name or another form.
        SystemSetupError: the folder does not exist, has a wrong layout, lacks a mask, or has no
            photograph of that split.
    """
    name, pairs = _read_spec(spec)
    selected, notice = select_split(pairs, split)
    if not selected:
        splits = ", ".join(sorted({pair.split for pair in pairs if pair.split}))
        raise SystemSetupError(
            f"{spec}: no photographs for the split '{split}' "
            f"(available: {splits or 'the only photograph is used for validation'}). "
            "Choose another split or add photographs."
        )
    # Only the selected ones are checked: DRIVE without its test masks can be used for training.
    for pair in selected:
        if isinstance(pair, FilePair):
            pair.check_complete()
    return DataSet(name, split, tuple(selected), notice)


def _read_spec(spec: str) -> tuple[str, Sequence[Pair]]:
    """Return the name of a data set and all its pairs."""
    name, _, location = spec.partition(":")
    if not location or name not in (*READERS, "synthetic"):
        readers = ":DIR, ".join(READERS)
        raise UsageError(f"{spec}: unknown data set. Use {readers}:DIR or synthetic:N.")
    if name == "synthetic":
        return name, read_synthetic(location)
    folder = _expand_home(Path(location))
    if not folder.is_dir():
        raise SystemSetupError(f"{folder}: folder not found. Check the path in --data {spec}.")
    try:
        return name, READERS[name](folder)
    except OSError as error:
        file = error.filename or folder
        raise SystemSetupError(
            f"{file}: cannot be read ({error.strerror}). Check the permissions."
        ) from error


def _expand_home(folder: Path) -> Path:
    """Expand `~`, which a shell leaves unchanged in `drive:~/DRIVE`."""
    try:
        return folder.expanduser()
    except RuntimeError:  # no such user or no home directory: use the name as it is
        return folder


def select_split(pairs: Sequence[Pair], split: SplitChoice) -> tuple[list[Pair], str]:
    """Select the pairs of a split.

    A user's pairs without a `split.csv` belong to no split. They are all used for testing. For
    training, every fifth (at least one) is held out for validation.

    Returns:
        The selected pairs, and a notice for the user or "".
    """
    if split == "all":
        return list(pairs), ""
    if any(pair.split is not None for pair in pairs):
        return [pair for pair in pairs if pair.split == split], ""
    if split == "test":
        return list(pairs), ""
    held_out = list(pairs[VALIDATION_INTERVAL - 1 :: VALIDATION_INTERVAL]) or list(pairs[-1:])
    notice = f"no split.csv: {len(held_out)} of {len(pairs)} photographs held out for validation"
    if split == "validation":
        return held_out, notice
    names = {pair.name for pair in held_out}
    return [pair for pair in pairs if pair.name not in names], notice
