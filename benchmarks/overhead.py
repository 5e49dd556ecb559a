"""Measure start-up, memory and processing of edgeseg without the network (for developers).

    python benchmarks/overhead.py PHOTOGRAPH [--threads N] [--rounds N]

Each cost and its baseline are measured alternately (A B A B) on pinned cores, so that changes of
the clock frequency cancel out. Each value is the median of all rounds.

    start-up    Time of `edgeseg run PHOTOGRAPH` (mask and overlay, whole process) divided by the
                time of `import numpy, cv2, onnxruntime`. Bound: 2.0.
    memory      Peak resident memory of the same command, minus the peak of a process with the same
                imports. Bound: 200 MB for one photograph of 8 megapixels.
    help        Time of `edgeseg --help` divided by the time of `import click`. Bound: 1.5.
    processing  Time from a decoded photograph to its mask without the network (field of view,
                preprocessing, postprocessing) divided by the time of one INTER_AREA resize of the
                field of view to the working size. Bound: 2.5 at 2048x2048 pixels.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import click

from edgeseg_benchmarks.worker.process import (
    child_environment,
    elapsed_ms,
    pin,
    python_module,
    python_statement,
    time_command,
)

TIMEOUT_S = 600.0
Measurement = Callable[[], float]


@click.command()
@click.argument("photograph", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=21, show_default=True)
def main(photograph: Path, threads: int, rounds: int) -> None:
    """Measure start-up, memory, help and processing with PHOTOGRAPH."""
    pin(threads)
    imports = python_statement("import numpy, cv2, onnxruntime")
    cli = python_module("edgeseg.__main__")
    usage = [*cli, "--help"]
    bare = python_statement("import click")
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        run = [*cli, "run", str(photograph), "-o", folder, "--threads", str(threads)]
        turns = take_turns(lambda: total_ms(run), lambda: total_ms(imports), rounds)
        print_ratio("start-up", turns, 2.0)
        # Memory varies little and is measured only once. At this point, this process must not have
        # loaded OpenCV.
        turns = take_turns(lambda: peak_mb(run), lambda: peak_mb(imports), 3)
    above = median(cost - baseline for cost, baseline in turns)
    click.echo(f"memory: {above:.0f} MB above {turns[0][1]:.0f} MB (bound 200 MB)")
    turns = take_turns(lambda: total_ms(usage), lambda: total_ms(bare), rounds)
    print_ratio("help", turns, 1.5)
    print_ratio("processing", take_turns(*processing_steps(photograph, threads), rounds), 2.5)


def take_turns(cost: Measurement, baseline: Measurement, rounds: int) -> list[tuple[float, float]]:
    """Measure a cost and its baseline alternately. The first round is not counted."""
    return [(cost(), baseline()) for _ in range(rounds + 1)][1:]


def print_ratio(name: str, turns: Sequence[tuple[float, float]], bound: float) -> None:
    """Print the median of the ratios, and the medians of both times in milliseconds."""
    ratio = median(cost / baseline for cost, baseline in turns)
    costs, baselines = map(median, zip(*turns, strict=True))
    click.echo(f"{name}: {ratio:.2f} ({costs:.1f} / {baselines:.1f} ms, bound {bound})")


def total_ms(command: Sequence[str]) -> float:
    """Return the time of a command."""
    return time_command(command, TIMEOUT_S, " ".join(command[3:])).total_ms


def peak_mb(command: Sequence[str]) -> float:
    """Return the peak resident memory of a command.

    The system reports at least the memory of this process at the start of the command. This memory
    is less than the memory of the command.
    """
    environment = child_environment()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise click.ClickException(f"exit code {child.returncode}: {' '.join(command)}")
    return usage.ru_maxrss / 1e3


def processing_steps(photograph: Path, threads: int) -> tuple[Measurement, Measurement]:
    """Return two functions that measure the processing and its baseline in milliseconds."""
    import cv2  # noqa: PLC0415

    from edgeseg.imaging.photo import read_photo  # noqa: PLC0415
    from edgeseg.postprocess import ResizeBuffer, threshold_at_photo_size  # noqa: PLC0415
    from edgeseg.segmenter import Segmenter  # noqa: PLC0415

    cv2.setNumThreads(threads)
    photo = read_photo(photograph)
    segmenter = Segmenter(threads=threads)
    buffer = ResizeBuffer()
    result = segmenter.segment(photo).inferred[0]
    target = (result.placement.target.width, result.placement.target.height)
    crop = photo[result.fov.box.rows, result.fov.box.columns]

    def process() -> None:
        ready = segmenter.prepare(photo)
        threshold_at_photo_size(
            result.probability, ready.placement, ready.fov.mask, segmenter.threshold, buffer
        )

    def resize() -> None:
        cv2.resize(crop, target, interpolation=cv2.INTER_AREA)

    return partial(elapsed_ms, process), partial(elapsed_ms, resize)


if __name__ == "__main__":
    main()
