"""Processing of sources with the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple

from edgeseg.device import cpu
from edgeseg.errors import PhotoError
from edgeseg.run.claims import ResultClaims
from edgeseg.run.frame import Frame, Source
from edgeseg.run.inputs import Part
from edgeseg.run.options import RunOptions
from edgeseg.run.pipeline import process_frames
from edgeseg.run.results.contact_sheet import ContactSheet
from edgeseg.run.results.measures_table import MeasuresTable
from edgeseg.run.results.output_folders import OutputFolders
from edgeseg.run.results.overlay_video import OverlayVideo, open_overlay_video
from edgeseg.run.results.record import Records
from edgeseg.run.results.record_builder import RecordBuilder
from edgeseg.run.results.reporter import Reporter, has_unusable_scale, print_message
from edgeseg.run.results.throughput import Throughput
from edgeseg.run.sources.video import Video
from edgeseg.run.stages import Stages
from edgeseg.run.workers import count_workers, limit_memory, single_threaded_opencv
from edgeseg.segmenter import Segmenter
from edgeseg.system.memory_budget import MemoryBudget
from edgeseg.system.signals import StopRequest


class InputCounts(NamedTuple):
    """Counts of the inputs of a run. A stream is one input.

    Attributes:
        failed: inputs that could not be processed, including streams with failed frames.
        total: all inputs.
        bugs: frames that failed with an unexpected exception.
        unfinished: photographs that were not processed because a stop was requested.
    """

    failed: int = 0
    total: int = 0
    bugs: int = 0
    unfinished: int = 0

    def plus(self, other: InputCounts) -> InputCounts:
        """Return the sum of two counts."""
        return InputCounts(
            self.failed + other.failed,
            self.total + other.total,
            self.bugs + other.bugs,
            self.unfinished + other.unfinished,
        )


class Runner:
    """Segmentation of frames from any number of sources with one model.

    Args:
        segmenter: model.
        options: options of the run.
        sheet: contact sheet of the photographs. The caller writes it at the end.

    Attributes:
        unusable_scales: number of images whose pixel size could not be used.
    """

    def __init__(
        self, segmenter: Segmenter, options: RunOptions, sheet: ContactSheet | None = None
    ) -> None:
        self.segmenter = segmenter
        self.options = options
        self._table: MeasuresTable | None = None
        if options.measures:
            self._table = MeasuresTable(
                options.output,
                options.spacing is not None,
                options.eye is not None,
                options.identifiers,
            )
        self.sheet = sheet
        self.unusable_scales = 0

    def run_source(
        self, source: Source, stop: StopRequest, advance: Callable[[], None]
    ) -> InputCounts:
        """Segment all frames of a source.

        Args:
            source: source of frames.
            stop: stop request.
            advance: function that is called after each frame.

        Raises:
            SystemSetupError: The results cannot be written. Earlier results are kept.
        """
        is_stream = source.fps is not None
        reporter = Reporter(source.name, is_stream, self.options.as_json)
        workers = _count_workers(source)
        throughput = Throughput(cpu.usable_cores(), workers)
        source_failed = False
        if is_stream and self._table is not None:
            self._table.remove_source(source.name)
        with ExitStack() as stack:
            if self._table is not None:
                stack.callback(self._table.flush)
            if workers > 1:
                stack.enter_context(single_threaded_opencv())
            try:
                video = self._open_overlay_video(source, stack)
                stages = self._make_stages(source, video, stop, stack)
                for records in self._records(source, stages, workers, stop):
                    reporter.report(records)
                    self.unusable_scales += any(map(has_unusable_scale, records))
                    self._add_to_table(records, source)
                    if self.sheet is not None and not is_stream:
                        self.sheet.add_records(records)
                    throughput.add(records)
                    advance()
            except PhotoError as error:
                source_failed = True
                is_unreadable = error.code != "not_overwritten"
                failed = RecordBuilder(self.segmenter, self.options.identifiers).failed(
                    Frame(source.name, source.stem, bytes),
                    "unreadable_source" if is_unreadable else error.code,
                    str(error),
                )
                reporter.report((failed,))
        reporter.finish(self.options.output)
        if self.options.throughput:
            print_message(throughput.summary())
        counts = reporter.counts
        if is_stream:
            return InputCounts(int(source_failed or counts.failed > 0), 1, counts.bugs)
        total = max(source.total or 0, counts.total)  # a file may contain several photographs
        return InputCounts(counts.failed, total, counts.bugs, total - counts.total)

    def _add_to_table(self, records: Records, source: Source) -> None:
        if self._table is None:
            return
        self._table.add(records, source.fps is not None)
        if source.total is None:  # the next image of the source may arrive much later
            self._table.flush()

    def _open_overlay_video(self, source: Source, stack: ExitStack) -> OverlayVideo | None:
        if source.fps is None or not self.options.overlay:
            return None
        # The overlay of a video file has the frame rate of the file. A live frame is shown until
        # the next frame arrives.
        live = not isinstance(source, Video)
        folders = OutputFolders(self.options.output, self.options.follow_links)
        path = self.options.output / f"{source.stem}_overlay.mp4"
        folders.check(path, source.name)
        folders.create_parent(path)
        video = open_overlay_video(self.options.output, source.stem, source.fps, live=live)
        return stack.enter_context(video)

    def _make_stages(
        self,
        source: Source,
        video: OverlayVideo | None,
        stop: StopRequest,
        stack: ExitStack,
    ) -> Stages:
        is_stream = source.fps is not None
        parts: tuple[Part, ...] = self.options.parts
        if is_stream and not self.options.frames:
            parts = ()
        resume = self.options.resume and video is None  # an overlay video requires all frames
        claims = None
        if resume and parts:
            claims = ResultClaims(self.options.output, stop)
            stack.callback(claims.close)
        sheet = None if is_stream else self.sheet
        return Stages(self.segmenter, self.options, parts, resume, video, claims, sheet)

    def _records(
        self, source: Source, stages: Stages, workers: int, stop: StopRequest
    ) -> Iterator[Records]:
        frames = source.frames(stop)
        if stages.video is None:
            yield from _compute_and_store(frames, stages, workers, stop)
            return
        for segmented in process_frames(frames, stages.decode_and_segment, workers, stop):
            yield stages.write(segmented)


def _compute_and_store(
    frames: Iterator[Frame | None], stages: Stages, workers: int, stop: StopRequest
) -> Iterator[Records]:
    """Process frames and yield their records.

    Separate threads store the results, so that waiting for the disk does not delay other frames.
    """
    budget = MemoryBudget(limit_memory(workers))
    with ThreadPoolExecutor(workers, "store") as pool:

        def process(frame: Frame) -> Future[Records] | None:
            with budget.reserve(frame.required_bytes if workers > 1 else 0):
                if stop.asked:  # during the wait for memory
                    return None
                encoded = stages.compute(frame)
            return pool.submit(stages.store, encoded)

        for stored in process_frames(frames, process, workers, stop):
            if stored is not None:
                yield stored.result()


def _count_workers(source: Source) -> int:
    """Return the number of frames of a source to process at the same time.

    The frames of a camera or a stream are processed one after the other. They are not decoded in
    advance, and each frame is compared with the previous frame.
    """
    is_stream = source.fps is not None and not isinstance(source, Video)
    return 1 if source.live or is_stream else count_workers(source.total)
