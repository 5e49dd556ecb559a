"""`edgeseg run`: photographs, videos and cameras in; vessel masks, overlays and JSON lines out."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseg.commands.options import model_options
from edgeseg.system.signals import stop_by_signals

if TYPE_CHECKING:
    from edgeseg.models.catalog import PrecisionChoice
    from edgeseg.run.frame import Source
    from edgeseg.run.inputs import Part
    from edgeseg.run.runner import Runner
    from edgeseg.runtimes.base import ProviderChoice, RuntimeChoice
    from edgeseg.system.signals import StopRequest

FOLDER = Path("vessels")


@click.command()
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, metavar="DIR",
              show_default=True, help="Folder for the results; made if needed.")  # fmt: skip
@click.option(
    "--camera", metavar="N|DEVICE", help="Also segment what a camera sees, the newest frame first."
)
@click.option("--watch", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="DIR",
              help="Segment the photographs in a folder, and those that come, until Ctrl-C or SIGTERM.")  # fmt: skip
@model_options
@click.option("--threshold", type=click.FloatRange(0, 1), metavar="T",
              help="Probability from which a pixel is vessel.  [default: the model's own]")  # fmt: skip
@click.option("--overlay/--no-overlay", default=True, help="Also draw the vessels over the photograph; of a stream, "
              "a video.  [default: on]")  # fmt: skip
@click.option(
    "--probability", is_flag=True, help="Also write the probability, as 16-bit PNG (65535 is 1)."
)
@click.option("--frames", is_flag=True, help="Of a stream, also write each frame's pictures.")
@click.option(
    "--newest",
    is_flag=True,
    help="Of a stream on standard input, take the newest frame and drop older ones.",
)
@click.option("--resume", is_flag=True, help="Skip photographs whose results are there, made from the same photograph "
              "by the same model with the same options.")  # fmt: skip
@click.option(
    "--skip-ungradable", is_flag=True, help="Do not segment what is blurred, dark or cropped."
)
@click.option(
    "--measure",
    is_flag=True,
    help="Say at the end how near the run came to what this machine can do.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a line on standard output, nothing else there.",
)
def run(
    inputs: tuple[str, ...],
    output: Path,
    camera: str | None,
    watch: Path | None,
    model: str,
    precision: PrecisionChoice,
    runtime: RuntimeChoice,
    provider: ProviderChoice | None,
    threads: int | None,
    threshold: float | None,
    overlay: bool,
    probability: bool,
    frames: bool,
    newest: bool,
    resume: bool,
    skip_ungradable: bool,
    measure: bool,
    as_json: bool,
) -> None:
    """Segment the vessels of photographs.

    INPUT is a photograph, a folder of photographs, a video, or - for standard input: a photograph, or a stream of
    JPEGs. Writes STEM_vessels.png (255 is vessel) and STEM_overlay.png; of a stream STEM_overlay.mp4. A photograph
    that cannot be segmented is reported and the rest goes on (exit code 3).
    """
    if not inputs and camera is None and watch is None:
        raise click.UsageError("Missing argument 'INPUT...', or --camera, or --watch.")
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # NumPy's threads would spin, and have nothing to do here
    with stop_by_signals() as stop:
        from edgeseg._version import __version__
        from edgeseg.run.runner import Runner, sources_of
        from edgeseg.run.stages import Maker, RunOptions
        from edgeseg.segmenter import Segmenter
        from edgeseg.system.files import make_folder, remove_stale_temporaries

        sources = sources_of(inputs, camera, watch, output, newest, stop)
        parts: tuple[Part, ...] = (
            "vessels",
            *_asked("overlay", overlay),
            *_asked("probability", probability),
        )
        segmenter = Segmenter(model, precision, runtime, threads, threshold, provider)
        make_folder(output)
        remove_stale_temporaries(output)
        wanted = RunOptions(output, parts, resume, skip_ungradable)
        task = Runner(
            Maker.of(segmenter, __version__),
            wanted,
            overlay,
            frames,
            as_json,
            measure,
        )
        try:
            failed, total = _all(task, sources, stop)
        finally:
            remove_stale_temporaries(output)
    if stop.asked:
        sys.exit(130 if stop.signal == signal.SIGINT else 0)
    if failed:
        click.echo(f"edgeseg: {failed} of {total} inputs could not be segmented", err=True)
        sys.exit(3)


def _asked(part: Part, wanted: bool) -> tuple[Part, ...]:
    return (part,) if wanted else ()


def _all(task: Runner, sources: Iterator[Source], stop: StopRequest) -> tuple[int, int]:
    """Each source in turn -> how many inputs failed, of how many."""
    failed = total = 0
    for source in sources:
        if stop.asked:
            break
        with _progress(source.total) as advance:
            counted = task.one(source, stop, advance)
        failed, total = failed + counted[0], total + counted[1]
    return failed, total


@contextmanager
def _progress(total: int | None) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, nothing elsewhere: what draws it takes a while to load."""
    if sys.stderr is None or not sys.stderr.isatty() or total == 1:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("segmenting", total=total)
        yield lambda: bar.advance(task)
