"""`edgeseg run`: photographs in, vessel masks and overlays out."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from edgeseg.commands.options import model_options

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgeseg.inputs import Part, Source
    from edgeseg.model_choice import PrecisionChoice
    from edgeseg.runtimes import ProviderChoice, RuntimeChoice
    from edgeseg.segmenter import Segmentation, Segmenter

FOLDER = Path("vessels")


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, metavar="DIR",
              show_default=True, help="Folder for the results; made if needed.")  # fmt: skip
@model_options
@click.option("--threshold", type=click.FloatRange(0, 1), metavar="T",
              help="Probability from which a pixel is vessel.  [default: the model's own]")  # fmt: skip
@click.option("--overlay/--no-overlay", default=True, help="Also draw the vessels over the photograph.  [default: on]")
@click.option("--probability", is_flag=True, help="Also write the probability, as 16-bit PNG (65535 is 1).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output, nothing else there.")
def run(
    inputs: tuple[str, ...],
    output: Path,
    model: str,
    precision: PrecisionChoice,
    runtime: RuntimeChoice,
    provider: ProviderChoice | None,
    threads: int | None,
    threshold: float | None,
    overlay: bool,
    probability: bool,
    as_json: bool,
) -> None:
    """Segment the vessels of photographs.

    INPUT is a photograph, a folder of photographs, or - for standard input. Writes STEM_vessels.png (255 is vessel)
    and STEM_overlay.png. A photograph that cannot be segmented is reported and the rest goes on (exit code 3).
    """
    from edgeseg.files import make_folder
    from edgeseg.inputs import check_collisions, gather, own_results
    from edgeseg.segmenter import Segmenter

    sources = gather(inputs)
    if skipped := own_results(inputs):
        click.echo(f"left out, a result of an earlier run: {', '.join(map(str, skipped))}", err=True)
    check_collisions(sources, output)
    segmenter = Segmenter(model, precision, runtime, threads, threshold, provider)
    make_folder(output)
    parts: tuple[Part, ...] = ("vessels", *_asked("overlay", overlay), *_asked("probability", probability))
    failed = sum(not done for done in _segment_all(sources, segmenter, output, parts, as_json))
    if failed:
        click.echo(f"edgeseg: {failed} of {len(sources)} inputs could not be segmented", err=True)
        sys.exit(3)


def _asked(part: Part, wanted: bool) -> tuple[Part, ...]:
    return (part,) if wanted else ()


def _segment_all(
    sources: list[Source], segmenter: Segmenter, folder: Path, parts: tuple[Part, ...], as_json: bool
) -> Iterator[bool]:
    """Each source in turn; yields whether it was segmented. SIGTERM ends it after the frame in hand."""
    from rich.console import Console
    from rich.progress import Progress

    from edgeseg.errors import PhotographError

    console = Console(stderr=True)
    silent = not console.is_terminal
    with (
        _until_sigterm() as stopped,
        Progress(console=console, disable=silent, transient=True, redirect_stdout=False) as bar,
    ):
        task = bar.add_task("segmenting", total=len(sources))
        for source in sources:
            try:
                result = _segment(source, segmenter, folder, parts)
            except PhotographError as error:
                click.echo(f"edgeseg: {error}", err=True)
                if as_json:
                    click.echo(json.dumps({"source": source.name, "error": str(error)}))
                yield False
            else:
                click.echo(json.dumps(result) if as_json else _line(result))
                yield True
            bar.advance(task)
            if stopped:
                return


def _segment(source: Source, segmenter: Segmenter, folder: Path, parts: tuple[Part, ...]) -> dict[str, object]:
    """Segment one photograph, write its files, and say what was done."""
    from edgeseg.files import write_atomically
    from edgeseg.inputs import output_file
    from edgeseg.photo import encode_png

    result = segmenter.segment(source.read_bytes(), source.name)
    files = {part: output_file(source, folder, part) for part in parts}
    for part, file in files.items():
        write_atomically(file, encode_png(_picture(result, part)))
    height, width = result.mask.shape
    return {
        "source": source.name,
        "width": width,
        "height": height,
        **{part: str(file) for part, file in files.items()},
        "model": segmenter.file.name,
        "precision": segmenter.card.precision,
        "runtime": segmenter.runtime.name,
        "threshold": segmenter.threshold,
        "vessel_density": round(result.vessel_density, 6),
        "timings_ms": {stage: round(ms, 3) for stage, ms in result.timings.items()},
    }


def _picture(result: Segmentation, part: Part) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    from edgeseg.overlay import overlay

    if part == "vessels":
        return result.mask
    if part == "overlay":
        return overlay(result.photo, result.mask)
    probability: npt.NDArray[np.uint16] = (result.probability * 65535).round().astype("uint16")
    return probability


def _line(result: dict[str, object]) -> str:
    timings = result["timings_ms"]
    assert isinstance(timings, dict)
    density = f"{result['vessel_density']:.1%} vessel"
    return f"{result['source']} -> {result['vessels']}  {sum(timings.values()):.0f} ms, {density}"


@contextmanager
def _until_sigterm() -> Iterator[list[int]]:
    """A list that is no longer empty once SIGTERM has come."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, before)
