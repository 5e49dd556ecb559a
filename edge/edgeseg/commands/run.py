"""`edgeseg run`: segment photographs, videos and camera frames."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from edgeseg.commands.measuring import add_dicom, add_measures, dicom_options, measuring_options
from edgeseg.commands.options import model_options, threshold_option
from edgeseg.commands.run_progress import show_progress
from edgeseg.console import plural
from edgeseg.system.allocator import keep_freed_memory
from edgeseg.system.signals import stop_by_signals
from edgeseg.system.standard_streams import divert_stdout

if TYPE_CHECKING:
    from edgeseg.imaging.overlay import OverlayStyle
    from edgeseg.models.catalog import PrecisionChoice
    from edgeseg.run.frame import Source
    from edgeseg.run.inputs import OverlayFormat
    from edgeseg.run.open_sources import OpenedSources
    from edgeseg.run.options import RunOptions
    from edgeseg.run.runner import InputCounts
    from edgeseg.runtimes.base import ProviderChoice, RuntimeChoice
    from edgeseg.segmenter import Segmenter
    from edgeseg.system.signals import StopRequest

DEFAULT_OUTPUT = Path("vessels")


@click.command()
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_OUTPUT,
    metavar="DIR",
    show_default=True,
    help="Folder for the results. Created if missing.",
)
@click.option(
    "--camera",
    metavar="N|DEVICE|URL",
    help="Camera: a number, a device file, or the URL of a stream. Frames that arrive while "
    "another frame is processed are dropped. If the camera is missing, wait for it.",
)
@click.option(
    "--watch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Folder to watch. Existing and new photographs are segmented until Ctrl-C or SIGTERM.",
)
@click.option(
    "--recursive",
    is_flag=True,
    help="Include sub-folders. Results are written to sub-folders with the same names.",
)
@click.option(
    "--files-from",
    metavar="LIST|-",
    help="Text file with one input per line, or - for standard input.",
)
@model_options
@threshold_option
@click.option(
    "--overlay/--no-overlay",
    default=True,
    help="Write an overlay: the photograph (or the video) with its vessels marked. [default: on]",
)
@click.option(
    "--overlay-format",
    type=click.Choice(["jpg", "png"]),
    default="jpg",
    show_default=True,
    help="File format of the overlays. png is lossless and slower.",
)
@click.option(
    "--overlay-style",
    type=click.Choice(["outline", "fill"]),
    default="outline",
    show_default=True,
    help="Draw a line around the vessels, or tint their pixels.",
)
@click.option(
    "--overlay-opacity",
    type=click.FloatRange(0, 1),
    metavar="W",
    help="Weight of the overlay's colour.  [default: 1 for outline, 0.6 for fill]",
)
@click.option(
    "--probability",
    is_flag=True,
    help="Also write the probability as 16-bit PNG (the value 65535 is probability 1).",
)
@click.option(
    "--frames", is_flag=True, help="Also write a mask and an overlay for every video frame."
)
@click.option(
    "--newest",
    is_flag=True,
    help="Always process the newest frame of standard input and drop older frames.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Skip photographs that already have results for the same content, model and options. "
    "A video with an overlay is segmented again.",
)
@click.option("--skip-ungradable", is_flag=True, help="Skip photographs of low image quality.")
@measuring_options
@dicom_options
@click.option(
    "--follow-links",
    is_flag=True,
    help="If a result's path is a symbolic link, write to its target. By default, a photograph "
    "with such a result path fails.",
)
@click.option(
    "--contact-sheet",
    is_flag=True,
    help="Write contact_sheet.html: a page with thumbnails, overlays and values per photograph.",
)
@click.option(
    "--throughput",
    is_flag=True,
    help="Print the frames per second, and the ratio to the rate with all cores always busy.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the results as JSON, one object per line."
)
def run(
    inputs: tuple[str, ...],
    output: Path,
    camera: str | None,
    watch: Path | None,
    recursive: bool,
    files_from: str | None,
    model: str,
    precision: PrecisionChoice,
    runtime: RuntimeChoice,
    provider: ProviderChoice | None,
    threads: int | None,
    threshold: float | None,
    overlay: bool,
    overlay_format: OverlayFormat,
    overlay_style: OverlayStyle,
    overlay_opacity: float | None,
    probability: bool,
    frames: bool,
    newest: bool,
    resume: bool,
    skip_ungradable: bool,
    follow_links: bool,
    contact_sheet: bool,
    throughput: bool,
    as_json: bool,
) -> None:
    """Segment vessels in photographs, videos and camera frames.

    INPUT is a photograph, a folder, a video, or - for standard input (a photograph or JPEG stream).
    A photograph gives STEM_vessels.png and STEM_overlay.jpg. A video, camera or stream gives only
    STEM_overlay.mp4, unless --frames is given. In a folder, masks and files that are not
    photographs are skipped. If a photograph fails, the others are processed, and the exit code is
    3.
    """
    _check_arguments(inputs, camera, watch, files_from)
    keep_freed_memory()
    with stop_by_signals() as stop:
        from edgeseg.run.options import RunOptions

        options = RunOptions(
            output,
            overlay=overlay,
            overlay_style=overlay_style,
            overlay_opacity=overlay_opacity,
            probability=probability,
            frames=frames,
            resume=resume,
            skip_ungradable=skip_ungradable,
            as_json=as_json,
            contact_sheet=contact_sheet,
            throughput=throughput,
            overlay_format=overlay_format,
            follow_links=follow_links,
        )
        opened = _open_inputs(inputs, files_from, camera, watch, newest, recursive, stop)
        segmenter = _load_segmenter(model, precision, runtime, threads, threshold, provider, opened)
        options = add_dicom(add_measures(options))
        counts = _run_sources(segmenter, options, opened.sources, stop)
    _exit_with_status(stop, counts)


def _open_inputs(
    inputs: tuple[str, ...],
    files_from: str | None,
    camera: str | None,
    watch: Path | None,
    newest: bool,
    recursive: bool,
    stop: StopRequest,
) -> OpenedSources:
    from edgeseg.run.inputs.file_list import read_file_list
    from edgeseg.run.open_sources import open_sources

    listed = [] if files_from is None else read_file_list(files_from)
    return open_sources(inputs, camera, watch, newest, stop, recursive, listed)


def _load_segmenter(
    model: str,
    precision: PrecisionChoice,
    runtime: RuntimeChoice,
    threads: int | None,
    threshold: float | None,
    provider: ProviderChoice | None,
    opened: OpenedSources,
) -> Segmenter:
    from edgeseg.run.workers import count_workers
    from edgeseg.segmenter import Segmenter

    callers = count_workers(opened.parallel_frames)
    with divert_stdout():
        return Segmenter(model, precision, runtime, threads, threshold, provider, callers)


def _exit_with_status(stop: StopRequest, counts: InputCounts) -> None:
    """Exit with the code of a signal or of failed inputs. Return if neither occurred."""
    if stop.asked:
        _exit_after_signal(stop, counts)
    if counts.failed:
        click.echo(f"edgeseg: {counts.failed} of {plural(counts.total, 'input')} failed", err=True)
        sys.exit(1 if counts.bugs else 3)


def _check_arguments(
    inputs: tuple[str, ...], camera: str | None, watch: Path | None, files_from: str | None
) -> None:
    if not inputs and camera is None and watch is None and files_from is None:
        raise click.UsageError(
            "Missing argument 'INPUT...'. Alternatives are --files-from, --camera and --watch."
        )
    if files_from == "-" and "-" in inputs:
        raise click.UsageError("--files-from - and INPUT - both read standard input. Remove one.")


def _exit_after_signal(stop: StopRequest, counts: InputCounts) -> NoReturn:
    if stop.signal == signal.SIGINT:
        sys.exit(130)
    if counts.unfinished:
        photographs = plural(counts.unfinished, "photograph")
        click.echo(f"edgeseg: SIGTERM: {photographs} not processed", err=True)
        sys.exit(143)
    sys.exit(0)


def _run_sources(
    segmenter: Segmenter, options: RunOptions, sources: Iterator[Source], stop: StopRequest
) -> InputCounts:
    from edgeseg.run.results.contact_sheet import ContactSheet
    from edgeseg.run.results.reporter import print_message, print_scale_warning
    from edgeseg.run.runner import InputCounts, Runner
    from edgeseg.system.files import make_folder, remove_stale_temporaries

    make_folder(options.output)
    remove_stale_temporaries(options.output)
    sheet = ContactSheet(options.output) if options.contact_sheet else None
    runner = Runner(segmenter, options, sheet)
    counts = InputCounts()
    try:
        for source in sources:
            if stop.asked:
                break
            with show_progress(source.total) as advance:
                counts = counts.plus(runner.run_source(source, stop, advance))
        print_scale_warning(runner.unusable_scales)
        if sheet is not None:
            sheet.write()
            print_message(f"contact sheet in {sheet.path}")
    finally:
        remove_stale_temporaries(options.output)
    return counts
