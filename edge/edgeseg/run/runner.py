"""A run: which sources the command line names, and each of them through the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edgeseg.device import cpu
from edgeseg.errors import PhotoError
from edgeseg.run.frame import Frame, Source, timestamp_now
from edgeseg.run.inputs import check_collisions, collect_inputs, own_results
from edgeseg.run.pipeline import Pipeline
from edgeseg.run.results.frame_result import FrameResult
from edgeseg.run.results.reporter import Reporter, print_message
from edgeseg.run.sources.photographs import Photographs
from edgeseg.run.stages import DecodedFrame, Maker, RunOptions, SegmentedFrame, Stages
from edgeseg.system.signals import StopRequest

if TYPE_CHECKING:
    from edgeseg.run.results.overlay_video import OverlayVideo
    from edgeseg.run.results.throughput import Throughput

_MOST_WRITERS = 4
_AHEAD = 1  # decoded photographs that wait; a second one is being decoded


def sources_of(
    inputs: Sequence[str],
    camera: str | None,
    watch: Path | None,
    output: Path,
    newest: bool,
    stop: StopRequest,
) -> Iterator[Source]:
    """What the command line names, checked, -> the sources: photographs first, what never ends last.

    Raises:
        UsageError: An input does not exist, or two would write the same file.
        SurroundingsError: A folder may not be read.
    """
    named = collect_inputs(inputs) if inputs else []
    if skipped := own_results(inputs):
        print_message(f"left out, a result of an earlier run: {', '.join(map(str, skipped))}")
    check_collisions(named, output)
    files = [one for one in named if one.path is not None and not one.is_video]
    videos = [
        (one.path, one.name, one.stem) for one in named if one.path is not None and one.is_video
    ]
    from_stdin = any(one.path is None for one in named)
    return _opened(
        Photographs(files), videos, from_stdin and newest, from_stdin, camera, watch, output, stop
    )


def _opened(
    photographs: Photographs,
    videos: list[tuple[Path, str, str]],
    newest: bool,
    from_stdin: bool,
    camera: str | None,
    watch: Path | None,
    output: Path,
    stop: StopRequest,
) -> Iterator[Source]:
    """Each source when its turn comes; what only some need is loaded then."""
    if photographs.inputs:
        yield photographs
    for path, name, stem in videos:
        from edgeseg.run.sources.video import Video  # noqa: PLC0415

        yield Video(path, name, stem)
    if from_stdin:
        yield _standard_input(newest, stop)
    if camera is not None:
        from edgeseg.run.sources.camera import Camera  # noqa: PLC0415
        from edgeseg.run.sources.latest_frame import LatestFrameSource  # noqa: PLC0415

        yield LatestFrameSource(Camera(camera, print_message, timestamp_now()))
    if watch is not None:
        from edgeseg.run.sources.watched_folder import WatchedFolder  # noqa: PLC0415

        yield WatchedFolder(watch, output, print_message)


def _standard_input(newest: bool, stop: StopRequest) -> Source:
    from edgeseg.run.sources.latest_frame import LatestFrameSource  # noqa: PLC0415
    from edgeseg.run.sources.stdin import standard_input  # noqa: PLC0415

    source = standard_input(stop, timestamp_now())
    return LatestFrameSource(source) if newest and source.fps is not None else source


class Runner(NamedTuple):
    """What all sources of a run share.

    Attributes:
        maker: The loaded model.
        wanted: What to write of photographs.
        video: Whether a stream gets an overlay video.
        frames: Whether a stream's frames get what photographs get.
        as_json: One JSON object for each frame.
        measure: Say at the end how fast it was.
    """

    maker: Maker
    wanted: RunOptions
    video: bool
    frames: bool
    as_json: bool
    measure: bool

    def one(
        self, source: Source, stop: StopRequest, advance: Callable[[], None]
    ) -> tuple[int, int]:
        """Segment all that a source delivers -> how many inputs failed, of how many.

        Raises:
            SurroundingsError: The disk does not take the results; what is written stays.
        """
        stream = source.fps is not None
        teller = Reporter(source.name, stream, self.as_json)
        broken = 0
        with ExitStack() as stack:
            video = (
                stack.enter_context(self._overlay_video(source, source.fps))
                if source.fps and self.video
                else None
            )
            stages, writers = self._stages(source, video), self._writers(source)
            measured = self._measured(writers)
            try:
                for record in self._records(source, stages, writers, stop):
                    teller.tell(record)
                    if measured is not None:
                        measured.add(record)
                    advance()
            except PhotoError as error:
                broken = 1
                teller.tell(
                    FrameResult(
                        Frame(source.name, source.stem, bytes), self.maker.made, error=str(error)
                    )
                )
        teller.end()
        if measured is not None:
            print_message(measured.line())
        if stream:
            return max(broken, int(not teller.counts.pictures and teller.counts.failed > 0)), 1
        return teller.counts.failed, source.total or teller.counts.pictures + teller.counts.failed

    def _measured(self, writers: int) -> Throughput | None:
        if not self.measure:
            return None
        from edgeseg.run.results.throughput import Throughput  # noqa: PLC0415

        return Throughput(cpu.usable_cores(), writers)

    def _overlay_video(self, source: Source, fps: float) -> AbstractContextManager[OverlayVideo]:
        from edgeseg.run.results.overlay_video import overlay_video  # noqa: PLC0415
        from edgeseg.run.sources.video import Video  # noqa: PLC0415

        # A video file is written as it was; what comes when it comes is shown until the next came.
        return overlay_video(
            self.wanted.folder, source.stem, fps, live=not isinstance(source, Video)
        )

    def _stages(self, source: Source, video: OverlayVideo | None) -> Stages:
        wanted = self.wanted
        if source.fps is not None:
            # A video needs every frame, also one whose pictures are there.
            wanted = wanted._replace(
                parts=wanted.parts if self.frames else (), resume=wanted.resume and video is None
            )
        # Where writing has threads of its own, each packs alone.
        packers = 1 if self._writers(source) else min(_MOST_WRITERS, cpu.usable_cores())
        return Stages(self.maker, wanted, video, packers)

    def _writers(self, source: Source) -> int:
        """One photograph needs no threads, what is live is told at once; a video takes its frames in their order."""
        if source.total == 1 or source.live:
            return 0
        return 1 if source.fps is not None else min(_MOST_WRITERS, cpu.usable_cores())

    def _records(
        self, source: Source, stages: Stages, writers: int, stop: StopRequest
    ) -> Iterator[FrameResult]:
        ahead = 0 if source.live or source.total == 1 else _AHEAD
        pipeline: Pipeline[
            Frame, DecodedFrame | FrameResult, SegmentedFrame | FrameResult, FrameResult
        ] = Pipeline(stages.decode, stages.segment, stages.write, ahead, writers)
        return pipeline.run(source.frames(stop), stop)
