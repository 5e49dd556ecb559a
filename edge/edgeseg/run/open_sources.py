"""Opening of the sources given on the command line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from edgeseg.run.frame import Source, timestamp_now
from edgeseg.run.inputs import Input, collect_inputs
from edgeseg.run.results.reporter import print_message
from edgeseg.run.sources.camera import Camera
from edgeseg.run.sources.latest_frame import LatestFrameSource
from edgeseg.run.sources.photographs import Photographs
from edgeseg.run.sources.stdin import open_stdin
from edgeseg.run.sources.video import Video
from edgeseg.run.sources.watched_folder import WatchedFolder
from edgeseg.system.signals import StopRequest


class OpenedSources(NamedTuple):
    """The sources of a run.

    Attributes:
        sources: photographs first, endless sources last. A source is opened when it is reached.
        parallel_frames: number of frames that are expected at the same time; None if unlimited; 1
            if a source is live, a stream or a watched folder.
    """

    sources: Iterator[Source]
    parallel_frames: int | None


def open_sources(
    inputs: Sequence[str],
    camera: str | None,
    watch: Path | None,
    newest: bool,
    stop: StopRequest,
    recursive: bool = False,
    listed: Sequence[str] = (),
) -> OpenedSources:
    """Check the inputs and open their sources.

    Args:
        inputs: files, folders, or `-` for standard input.
        camera: number, device file or URL of a camera.
        watch: folder to watch.
        newest: whether only the newest frame of a stream on standard input is kept.
        stop: stop request.
        recursive: whether to include sub-folders.
        listed: additional files and folders, which may be missing.

    Raises:
        UsageError: An input does not exist.
        SystemSetupError: A folder cannot be read.
    """
    collected: list[Input] = []
    if inputs or listed:
        collected, skipped = collect_inputs(inputs, recursive, listed)
        description = skipped.describe()
        if description:
            print_message(f"skipped: {description}")
    watched = None if watch is None else WatchedFolder(watch, print_message, recursive)
    videos = {one for one in collected if one.is_video}
    sources = _open(collected, videos, camera, watched, newest, stop)
    if camera is not None or watch is not None or any(one.path is None for one in collected):
        return OpenedSources(sources, 1)
    return OpenedSources(sources, None if videos else len(collected))


def _open(
    inputs: list[Input],
    videos: set[Input],
    camera: str | None,
    watched: WatchedFolder | None,
    newest: bool,
    stop: StopRequest,
) -> Iterator[Source]:
    """Yield the sources. Each source is opened when it is requested."""
    photographs = [one for one in inputs if one.path is not None and one not in videos]
    if photographs:
        yield Photographs(photographs)
    for video in inputs:
        if video.path is not None and video in videos:
            yield Video(video.path, video.name, video.stem, photographs)
    if any(one.path is None for one in inputs):
        source = open_stdin(stop, timestamp_now())
        is_stream = source.fps is not None
        yield LatestFrameSource(source) if newest and is_stream else source
    if camera is not None:
        yield LatestFrameSource(Camera(camera, print_message, timestamp_now()))
    if watched is not None:
        yield watched
