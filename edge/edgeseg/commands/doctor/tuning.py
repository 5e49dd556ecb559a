"""`edgeseg doctor --tune`: measure the candidates and store the fastest setup."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import msgspec

from edgeseg.cli import TUNE_FUNCTION, load_attribute
from edgeseg.console import ShowProgress, plural, show_status
from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.models import tuning_cache
from edgeseg.models.tuning_cache import VARIABLE, CandidateTiming, TunedSetup
from edgeseg.system.files import make_folder

DEFAULT_FILE = "\0"
"""Value of `--tune` if no file name is given. It is not a valid file name."""


class TuningResult(NamedTuple):
    """Result of `--tune`.

    Attributes:
        setup: fastest setup and all measurements.
        file: cache file that contains the setup.
        is_read_by_auto: whether `auto` reads this file.
    """

    setup: TunedSetup
    file: Path
    is_read_by_auto: bool

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        setup = msgspec.to_builtins(self.setup)
        return {"file": str(self.file), "is_read_by_auto": self.is_read_by_auto, **setup}


def tune_and_save(model: str, target: str) -> TuningResult:
    """Measure the candidates and store the fastest setup.

    The file is checked first, because measuring takes minutes.

    Args:
        model: name of a shipped model, or path of a model file.
        target: path of the cache file, or `DEFAULT_FILE`.

    Raises:
        EdgesegError: The model or the file is invalid, or measuring failed.
    """
    file = _check_target(target)
    # The function is in the benchmarks package, which `edge` must not import.
    tune = cast("Callable[[str, ShowProgress], TunedSetup]", load_attribute(TUNE_FUNCTION))
    with show_status() as show:
        setup = tune(model, show)
    tuning_cache.save_tuned_setup(file, setup)
    default = tuning_cache.cache_path()
    return TuningResult(setup, file, default is not None and file.absolute() == default.absolute())


def _check_target(target: str) -> Path:
    default = tuning_cache.cache_path()
    file = default if target == DEFAULT_FILE else Path(target)
    if file is None:
        raise UsageError(
            f"no default file for the setup ({VARIABLE} is empty or there is no "
            "home folder). Specify a file with --tune FILE."
        )
    if file == default:
        make_folder(file.absolute().parent)
    elif not file.absolute().parent.is_dir():
        raise SystemSetupError(
            f"{file}: cannot be written (its folder does not exist). Create the folder."
        )
    if file.exists():
        tuning_cache.read_tuned_setups(file)
    return file


def describe_tuning(result: TuningResult) -> Iterator[tuple[str, str]]:
    """Yield a heading and a text for each candidate and for the file with the stored setup."""
    key = result.setup.key
    yield "baseline", f"{key.precisions[0]} in onnxruntime with all {key.cores} cores"
    for timing in result.setup.measured:
        yield f"{timing.precision} in {timing.runtime}", _describe_timing(timing, result.setup)
    hint = f" (`edgeseg run` uses this setup if {VARIABLE} is the path of this file)"
    if result.is_read_by_auto:
        hint = ""
    yield "setup stored in", f"{result.file}{hint}"


def _describe_timing(timing: CandidateTiming, setup: TunedSetup) -> str:
    threads = plural(timing.threads, "thread")
    if timing.failure or timing.network_ms is None or timing.ratio is None:
        return f"{threads}: REJECTED: {timing.failure}"
    text = (
        f"{threads}: {timing.network_ms:.1f} ms, {timing.ratio:.2f}x baseline latency, "
        f"{timing.flipped or 0:.2%} of mask pixels changed ({timing.compute})"
    )
    chosen = (setup.runtime, setup.precision, setup.threads)
    is_chosen = (timing.runtime, timing.precision, timing.threads) == chosen
    return f"{text} <- selected" if is_chosen else text
