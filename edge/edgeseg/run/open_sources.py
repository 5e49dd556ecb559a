"""Open the sources given on the command line."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeseg.run.frame import Source, timestamp_now
from edgeseg.run.inputs import Input, check_collisions, collect_inputs, own_results
from edgeseg.run.results.reporter import print_message
from edgeseg.run.sources.camera import Camera
from edgeseg.run.sources.latest_frame import LatestFrameSource
from edgeseg.run.sources.photographs import Photographs
from edgeseg.run.sources.stdin import open_stdin
from edgeseg.run.sources.video import Video
from edgeseg.run.sources.watched_folder import WatchedFolder
from edgeseg.system.signals import StopRequest


def open_sources(
    inputs: Sequence[str],
    camera: str | None,
    watch: Path | None,
    output: Path,
    newest: bool,
    stop: StopRequest,
) -> Iterator[Source]:
    """Check the inputs and yield their sources: photographs first, endless sources last.

    Args:
        inputs: files, folders, or `-` for standard input.
        camera: number or device of a camera.
        watch: folder to watch.
        output: folder for the results.
        newest: whether a stream on standard input drops all frames but the newest.
        stop: stop request.

    Raises:
        UsageError: An input does not exist, or two inputs would write the same file.
        SystemSetupError: A folder cannot be read.
    """
    collected = collect_inputs(inputs) if inputs else []
    results = ", ".join(map(str, own_results(inputs)))
    if results:
        print_message(f"skipped, written by an earlier run: {results}")
    check_collisions(collected, output)
    return _open(collected, camera, watch, output, newest, stop)


def _open(
    inputs: list[Input],
    camera: str | None,
    watch: Path | None,
    output: Path,
    newest: bool,
    stop: StopRequest,
) -> Iterator[Source]:
    """Open each source when it is reached."""
    photographs = [one for one in inputs if one.path is not None and not one.is_video]
    if photographs:
        yield Photographs(photographs)
    for video in inputs:
        if video.path is not None and video.is_video:
            yield Video(video.path, video.name, video.stem)
    if any(one.path is None for one in inputs):
        source = open_stdin(stop, timestamp_now())
        is_stream = source.fps is not None
        yield LatestFrameSource(source) if newest and is_stream else source
    if camera is not None:
        yield LatestFrameSource(Camera(camera, print_message, timestamp_now()))
    if watch is not None:
        yield WatchedFolder(watch, output, print_message)
