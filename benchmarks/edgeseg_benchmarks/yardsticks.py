"""What a run costs against a yardstick each, in turns on the same threads: starting, memory, and what is no network.

`edgeseg bench` shows them on drawn photographs, in few rounds. By hand, in more:
`python -m edgeseg_benchmarks.yardsticks start PHOTOGRAPH` (of any size, as DRIVE's),
`python -m edgeseg_benchmarks.yardsticks frame PHOTOGRAPH [THREADS]` (of 2048x2048, as FIVES'),
`python -m edgeseg_benchmarks.yardsticks memory PHOTOGRAPH` (of 3504x2336, as HRF's), and
`python -m edgeseg_benchmarks.yardsticks help`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click

from edgeseg.errors import EdgesegError, PhotoError, UsageError
from edgeseg_benchmarks.peak_rss import peak_rss
from edgeseg_benchmarks.record.bound import Bound
from edgeseg_benchmarks.report.formatting import bound_line
from edgeseg_benchmarks.statistics import ratio
from edgeseg_benchmarks.worker.affinity import pin
from edgeseg_benchmarks.worker.client import RowError, python, statement
from edgeseg_benchmarks.worker.subprocess_timing import time_command

if TYPE_CHECKING:
    from edgeseg.runtimes.base import RuntimeChoice

IMPORTS = "import numpy, cv2, onnxruntime"
START = Bound("cold start of `edgeseg run`", f"`{IMPORTS}`", "ratio", 1.6)
FRAME = Bound("what is not the network", "one INTER_AREA resize of the crop", "ratio", 2.5)
MEMORY = Bound("memory of `edgeseg run`", f"`{IMPORTS}`", "bytes", 120e6)
HELP = Bound("`edgeseg --help`", "`import click`", "ratio", 1.5)
PATIENCE_S = 600.0

Step = Callable[[], float]
"""Takes a turn, and tells what it spent: milliseconds, or bytes."""


@dataclass(frozen=True)
class Pace:
    """How many rounds.

    Attributes:
        warm_up: untimed ones before.
        fewest: that are measured however long they take.
        most: that are measured at all.
        seconds: after this time no round begins, once the fewest are done.
    """

    warm_up: int
    fewest: int
    most: int
    seconds: float


BY_HAND = Pace(warm_up=2, fewest=21, most=21, seconds=0.0)
MEMORY_BY_HAND = Pace(warm_up=0, fewest=3, most=3, seconds=0.0)
"""A peak hardly varies."""


def start(
    photograph: Path, pace: Pace, options: Sequence[str] = (), timeout_s: float = PATIENCE_S
) -> Bound:
    """`edgeseg run`, mask and overlay, against the bare imports: whole processes.

    Args:
        photograph: to segment.
        pace: how many rounds.
        options: of `edgeseg run`.
        timeout_s: for one process.

    Raises:
        RowError: one failed, or took too long.
    """
    return _run_against_imports(START, _whole_ms, photograph, pace, options, timeout_s)


def memory(
    photograph: Path, pace: Pace, options: Sequence[str] = (), timeout_s: float = PATIENCE_S
) -> Bound:
    """Peak resident size of `edgeseg run`, mask and overlay, above that of the bare imports; else as `start`."""
    return _run_against_imports(MEMORY, peak_rss, photograph, pace, options, timeout_s)


def usage(pace: Pace, timeout_s: float = PATIENCE_S) -> Bound:
    """`edgeseg --help` against `import click`: whole processes; else as `start`."""
    return _in_turns(
        HELP,
        lambda: _whole_ms([*python("edgeseg.__main__"), "--help"], timeout_s, "edgeseg --help"),
        lambda: _whole_ms(statement("import click"), timeout_s, "import click"),
        pace,
    )


def frame(
    photograph: Path,
    pace: Pace,
    threads: int,
    model: str = "default",
    runtime: RuntimeChoice = "auto",
) -> Bound:
    """All that is not the network, of a decoded photograph, against one area resize of its crop to the working size.

    It is computed in this process, which is pinned.

    Args:
        photograph: to segment.
        pace: how many rounds.
        threads: to compute with.
        model: a shipped name or a file.
        runtime: that gives the probability.

    Raises:
        PhotographError: it cannot be read, or holds no fundus.
        ModelError: there is no such model, or it was refused.
    """
    pin(threads)
    import cv2

    from edgeseg.imaging.photo import read_photo
    from edgeseg.postprocess import ResizeBuffer, threshold_at_photo_size
    from edgeseg.segmenter import Segmenter

    cv2.setNumThreads(threads)
    photo, segmenter = read_photo(photograph), Segmenter(model, runtime=runtime, threads=threads)
    found = segmenter.segment(photo).inferred[0]
    box, target, scratch = found.fov.box, found.placement.target, ResizeBuffer()

    def resize() -> object:
        part = photo[box.rows, box.columns]
        return cv2.resize(part, (target.width, target.height), interpolation=cv2.INTER_AREA)

    def rest() -> object:
        ready = segmenter.prepare(photo)
        return threshold_at_photo_size(
            found.probability, ready.placement, ready.fov.mask, segmenter.threshold, scratch
        )

    return _in_turns(FRAME, _timed(rest), _timed(resize), pace)


def _run_against_imports(
    bound: Bound,
    spent: Callable[[Sequence[str], float, str], float],
    photograph: Path,
    pace: Pace,
    options: Sequence[str],
    timeout_s: float,
) -> Bound:
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        run = [*python("edgeseg.__main__"), "run", str(photograph), "-o", folder, *options]
        return _in_turns(
            bound,
            lambda: spent(run, timeout_s, "edgeseg run"),
            lambda: spent(statement(IMPORTS), timeout_s, IMPORTS),
            pace,
        )


def _whole_ms(command: Sequence[str], timeout_s: float, name: str) -> float:
    return time_command(command, timeout_s, name).whole_ms


def _timed(step: Callable[[], object]) -> Step:
    def timed() -> float:
        before = time.perf_counter()
        step()
        return (time.perf_counter() - before) * 1e3

    return timed


def _in_turns(bound: Bound, cost: Step, yardstick: Step, pace: Pace) -> Bound:
    """A B A B: with the medians of what both spent, and the median over the rounds of their ratio or difference."""
    for _ in range(pace.warm_up):
        yardstick()
        cost()
    yardsticks: list[float] = []
    costs: list[float] = []
    began = time.monotonic()
    while len(costs) < pace.fewest or (
        len(costs) < pace.most and time.monotonic() - began < pace.seconds
    ):
        yardsticks.append(yardstick())
        costs.append(cost())
    above = median(one - other for one, other in zip(costs, yardsticks, strict=True))
    value = ratio(costs, yardsticks) if bound.unit == "ratio" else above
    return replace(bound, value=value, cost=median(costs), yardstick=median(yardsticks))


@click.command()
@click.argument("kind", type=click.Choice(["start", "frame", "memory", "help"]))
@click.argument("photograph", type=click.Path(path_type=Path), required=False)
@click.argument("threads", type=click.IntRange(1, 1024), default=1)
def main(kind: str, photograph: Path | None, threads: int) -> None:
    """Measure one of them by hand; THREADS are those of `frame`."""
    try:
        click.echo(bound_line(_measured(kind, photograph, threads)))
    except (EdgesegError, RowError) as error:
        click.echo(f"edgeseg: {error}", err=True)
        sys.exit(error.exit_code if isinstance(error, EdgesegError) else PhotoError.exit_code)


def _measured(kind: str, photograph: Path | None, threads: int) -> Bound:
    if kind == "help":
        return usage(BY_HAND)
    if photograph is None:
        raise UsageError(f"{kind}: name a photograph")
    if not photograph.is_file():
        raise UsageError(f"{photograph}: there is no such file")
    if kind == "frame":
        return frame(photograph, BY_HAND, threads)
    return start(photograph, BY_HAND) if kind == "start" else memory(photograph, MEMORY_BY_HAND)


if __name__ == "__main__":
    main()
