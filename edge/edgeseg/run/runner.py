"""Run each source through the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

from edgeseg.device import cpu
from edgeseg.errors import PhotoError
from edgeseg.run.claims import ResultClaims
from edgeseg.run.frame import Frame, Source
from edgeseg.run.inputs import Part
from edgeseg.run.options import RunOptions
from edgeseg.run.pipeline import Pipeline
from edgeseg.run.results.measures_table import MeasuresTable
from edgeseg.run.results.output_folders import OutputFolders
from edgeseg.run.results.overlay_video import OverlayVideo, open_overlay_video
from edgeseg.run.results.record_builder import RecordBuilder
from edgeseg.run.results.reporter import Reporter, print_message
from edgeseg.run.results.throughput import Throughput
from edgeseg.run.sources.video import Video
from edgeseg.run.stages import DecodedFrame, Records, SegmentedFrame, Stages
from edgeseg.segmenter import Segmenter
from edgeseg.system.signals import StopRequest

_MAX_WRITERS = 4
_DECODED_AHEAD = 1  # decoded photographs that wait while the next one is decoded


class InputCounts(NamedTuple):
    """Counts over the inputs of a run; a stream is one input.

    Attributes:
        failed: inputs that could not be processed, streams with failed frames included.
        total: all inputs.
        bugs: frames that failed by an unexpected exception.
        unfinished: photographs that were not processed because of a stop request.
    """

    failed: int = 0
    total: int = 0
    bugs: int = 0
    unfinished: int = 0

    def plus(self, other: InputCounts) -> InputCounts:
        """Return the sums."""
        return InputCounts(
            self.failed + other.failed,
            self.total + other.total,
            self.bugs + other.bugs,
            self.unfinished + other.unfinished,
        )


class Runner:
    """Segment the frames of any number of sources with one model.

    Args:
        segmenter: model.
        options: options of the run.
    """

    def __init__(self, segmenter: Segmenter, options: RunOptions) -> None:
        self.segmenter = segmenter
        self.options = options
        self._table: MeasuresTable | None = None
        if options.measures:
            self._table = MeasuresTable(
                options.output, options.spacing is not None, options.eye is not None
            )

    def run_source(
        self, source: Source, stop: StopRequest, advance: Callable[[], None]
    ) -> InputCounts:
        """Segment everything that a source delivers.

        Args:
            source: source of frames.
            stop: stop request.
            advance: called after each frame.

        Raises:
            SystemSetupError: The results cannot be written; those that are written stay.
        """
        is_stream = source.fps is not None
        reporter = Reporter(source.name, is_stream, self.options.as_json)
        writers = _writer_threads(source)
        throughput = Throughput(cpu.usable_cores(), writers)
        source_failed = False
        with ExitStack() as stack:
            try:
                video = self._open_overlay_video(source, stack)
                stages = self._make_stages(source, video, writers, stop, stack)
                for records in self._records(source, stages, writers, stop):
                    reporter.report(records)
                    if self._table is not None:
                        self._table.add(records)
                    throughput.add(records[0])
                    advance()
            except PhotoError as error:
                source_failed = True
                failed = RecordBuilder(self.segmenter).failed(
                    Frame(source.name, source.stem, bytes), "unreadable_source", str(error)
                )
                reporter.report((failed,))
        reporter.finish(self.options.output)
        if self.options.throughput:
            print_message(throughput.summary())
        counts = reporter.counts
        if is_stream:
            return InputCounts(int(source_failed or counts.failed > 0), 1, counts.bugs)
        total = source.total or counts.total
        return InputCounts(counts.failed, total, counts.bugs, total - counts.total)

    def _open_overlay_video(self, source: Source, stack: ExitStack) -> OverlayVideo | None:
        if source.fps is None or not self.options.overlay:
            return None
        # A video file keeps its frame rate; a live frame is shown until the next one arrives.
        live = not isinstance(source, Video)
        folders = OutputFolders(self.options.output)
        path = self.options.output / source.stem
        folders.check(path, source.name)
        folders.create_parent(path)
        video = open_overlay_video(self.options.output, source.stem, source.fps, live=live)
        return stack.enter_context(video)

    def _make_stages(
        self,
        source: Source,
        video: OverlayVideo | None,
        writers: int,
        stop: StopRequest,
        stack: ExitStack,
    ) -> Stages:
        is_stream = source.fps is not None
        parts: tuple[Part, ...] = self.options.parts
        if is_stream and not self.options.frames:
            parts = ()
        resume = self.options.resume and video is None  # an overlay video needs every frame
        # Several writers encode one picture each; a single one encodes with all threads.
        encoder_threads = 1 if writers else min(_MAX_WRITERS, cpu.usable_cores())
        claims = None
        if resume and parts:
            claims = ResultClaims(self.options.output, stop)
            stack.callback(claims.close)
        return Stages(self.segmenter, self.options, parts, resume, video, encoder_threads, claims)

    def _records(
        self, source: Source, stages: Stages, writers: int, stop: StopRequest
    ) -> Iterator[Records]:
        ahead = 0 if source.live or source.total == 1 else _DECODED_AHEAD
        pipeline: Pipeline[Frame, DecodedFrame | Records, SegmentedFrame | Records, Records]
        pipeline = Pipeline(stages.decode, stages.segment, stages.write, ahead, writers)
        return pipeline.run(source.frames(stop), stop)


def _writer_threads(source: Source) -> int:
    """Return the number of writer threads; 0 writes in the caller's thread.

    A single photograph needs none, live frames are reported at once, and a video needs its frames
    in order.
    """
    if source.total == 1 or source.live:
        return 0
    if source.fps is not None:
        return 1
    return min(_MAX_WRITERS, cpu.usable_cores())
