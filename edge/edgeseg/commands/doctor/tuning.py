"""`edgeseg doctor --tune`: has the candidates measured, and writes down the choice."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseg.errors import SystemSetupError, UsageError

if TYPE_CHECKING:
    from edgeseg.models.tuning_cache import CandidateTiming, TunedSetup

IN_THE_USUAL_PLACE = "\0"
"""Value of `--tune` without a file: no file bears this name."""


@dataclass(frozen=True)
class Tuned:
    """A choice, the file that holds it, and whether `auto` will look there."""

    choice: TunedSetup
    file: Path
    looked_at: bool

    def to_dict(self) -> dict[str, object]:
        """As in JSON."""
        return {"file": str(self.file), "looked_at": self.looked_at, **self.choice.to_dict()}


def tune(model: str, named: str) -> Tuned:
    """Measure and write; that the file can be written is looked at first, as measuring takes a while.

    Args:
        model: a shipped name or a file.
        named: the file, or `IN_THE_USUAL_PLACE`.

    Raises:
        EdgesegError: the model, the file or the measuring failed.
    """
    from edgeseg.models import tuning_cache, tuning_cache_file
    from edgeseg.system.files import make_folder

    usual = tuning_cache_file.cache_path()
    file = usual if named == IN_THE_USUAL_PLACE else Path(named)
    if file is None:
        raise UsageError(
            f"there is no usual place for the choice here ({tuning_cache_file.VARIABLE}); name a file: --tune FILE"
        )
    if file == usual:
        make_folder(file.absolute().parent)
    elif not file.absolute().parent.is_dir():
        raise SystemSetupError(
            f"{file}: cannot be written; its folder does not exist; create it first"
        )
    if file.exists():
        tuning_cache.read_tuned_setups(file)
    # On a floor above this one, so it is named, not imported; both come in one wheel.
    measure: Callable[[str, Callable[[str], None]], TunedSetup] = importlib.import_module(
        "edgeseg_benchmarks.tune"
    ).tune
    with _progress() as note:
        choice = measure(model, note)
    tuning_cache.save_tuned_setup(file, choice)
    return Tuned(choice, file, usual is not None and file.absolute() == usual.absolute())


def rows(tuned: Tuned) -> Iterator[tuple[str, str]]:
    """For people: each candidate, and where the choice was written."""
    from edgeseg.models.tuning_cache_file import VARIABLE

    cores = tuned.choice.key.cores
    yield (
        "measured against",
        f"{tuned.choice.key.precisions[0]} in onnxruntime with every core ({cores}), by its mask too",
    )
    for each in tuned.choice.measured:
        yield f"{each.precision} in {each.runtime}", _said(each, tuned.choice)
    hint = "" if tuned.looked_at else f"; `edgeseg run` takes it where {VARIABLE} names this file"
    yield "choice written to", f"{tuned.file}{hint}"


def _said(each: CandidateTiming, choice: TunedSetup) -> str:
    threads = f"{each.threads} thread{'' if each.threads == 1 else 's'}"
    if each.failure or each.network_ms is None or each.ratio is None:
        return f"{threads}: NOT TO BE TAKEN: {each.failure}"
    taken = (each.runtime, each.precision, each.threads) == (
        choice.runtime,
        choice.precision,
        choice.threads,
    )
    figures = f"{each.network_ms:.1f} ms, {each.ratio:.2f} of its time, {each.flipped or 0:.2%} of pixels differ"
    return f"{threads}: {figures} ({each.compute}){' <- chosen' if taken else ''}"


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update
