"""Processing stages of a frame: decode, segment, encode, store."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edgeseg.errors import EdgesegError, PhotoError, one_line
from edgeseg.imaging.photo import decode_photo, validate_photo
from edgeseg.measures import Measures
from edgeseg.quality import assess_for_model
from edgeseg.run.claims import ResultClaims
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import Part
from edgeseg.run.options import RunOptions
from edgeseg.run.processed_frames import DecodedFrame, EncodedFrame, SegmentedFrame
from edgeseg.run.results.contact_sheet import ContactSheet
from edgeseg.run.results.dicom_objects import check_source, encode_dicom_results
from edgeseg.run.results.existing_results import ExistingResults
from edgeseg.run.results.images import PhotoUse, draw_run_overlay, encode_image
from edgeseg.run.results.output_folders import OutputFolders
from edgeseg.run.results.overlay_video import OverlayVideo
from edgeseg.run.results.provenance import record_text
from edgeseg.run.results.record import Records, ResultRecord
from edgeseg.run.results.record_builder import RecordBuilder, with_files, with_measures
from edgeseg.run.sources.frozen_frames import FrozenFrameDetector
from edgeseg.segmentation import FieldResult, Segmentation, join_masks
from edgeseg.segmenter import Segmenter
from edgeseg.system.allocator import release_freed_memory
from edgeseg.system.files import write_atomically
from edgeseg.system.stage_timer import StageTimer

T = TypeVar("T")

_OVERLAYS = ("overlay", "measures_overlay")
_MIN_RELEASE_BYTES = 100 << 20  # a photograph of 35 megapixels


class Stages:
    """Four stages of processing for frames of one source.

    If a frame requires no further stages, a stage returns the records of the frame. Later stages
    return these records unchanged.

    Args:
        segmenter: model.
        options: options of the run.
        parts: images to write for each frame.
        resume: whether to reuse results of earlier runs.
        video: overlay video of a stream.
        claims: locks that processes with the same output folder use, so that each result is
            computed only once.
        sheet: contact sheet for the thumbnails; None if no contact sheet is written.
        print_bug: function that prints the current exception.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        options: RunOptions,
        parts: tuple[Part, ...],
        resume: bool,
        video: OverlayVideo | None = None,
        claims: ResultClaims | None = None,
        sheet: ContactSheet | None = None,
        print_bug: Callable[[], None] = traceback.print_exc,
    ) -> None:
        self.segmenter = segmenter
        self.options = options
        self.parts = parts
        self.resume = resume
        self.video = video
        self.sheet = sheet
        self.claims = claims
        self.folders = OutputFolders(options.output, options.follow_links)
        self.records = RecordBuilder(segmenter, options.identifiers)
        self._existing = ExistingResults(segmenter, options, self.folders, self.records)
        self._frozen_frames = FrozenFrameDetector()
        self._print_bug = print_bug

    def process(self, frame: Frame) -> Records:
        """Decode and segment a frame, and write its images."""
        return self.store(self.compute(frame))

    def compute(self, frame: Frame) -> EncodedFrame | Records:
        """Decode and segment a frame, and encode its images. `store` writes them."""
        return self.encode(self.decode_and_segment(frame), in_place=True)

    def decode_and_segment(self, frame: Frame) -> SegmentedFrame | Records:
        """Decode and segment a frame."""
        return self.segment(self.decode(frame))

    def decode(self, frame: Frame) -> DecodedFrame | Records:
        """Read and decode a frame, or reuse its existing results.

        In the later stages, the frame has the eye and the pixel size of the options.
        """
        frame = self.options.apply_to(frame)
        if self.claims is not None:
            self.claims.acquire(frame.stem)
        decoded = self._report_bugs(frame, lambda: self._decode(frame))
        if not isinstance(decoded, DecodedFrame):
            self._release(frame)
        return decoded

    def segment(self, decoded: DecodedFrame | Records) -> SegmentedFrame | Records:
        """Detect the fields of view, assess their quality, and segment them."""
        if not isinstance(decoded, DecodedFrame):
            return decoded
        segmented = self._report_bugs(decoded.frame, lambda: self._segment(decoded))
        if not isinstance(segmented, SegmentedFrame):
            self._release(decoded.frame)
        return segmented

    def write(self, segmented: SegmentedFrame | Records) -> Records:
        """Write the images of a frame and complete its records.

        Raises:
            SystemSetupError: The results cannot be written.
        """
        return self.store(self.encode(segmented))

    def encode(
        self, segmented: SegmentedFrame | Records, in_place: bool = False
    ) -> EncodedFrame | Records:
        """Encode the images of a frame.

        Args:
            segmented: segmented frame, or records to return unchanged.
            in_place: whether the photograph may be changed; it cannot be used afterwards.
        """
        if not isinstance(segmented, SegmentedFrame):
            return segmented
        frame = segmented.decoded.frame
        encoded = self._report_failures(frame, lambda: self._encode(segmented, in_place))
        if not isinstance(encoded, EncodedFrame):
            self._release(frame)
        return encoded

    def store(self, encoded: EncodedFrame | Records) -> Records:
        """Write the encoded images of a frame and complete its records.

        Raises:
            SystemSetupError: The results cannot be written.
        """
        if not isinstance(encoded, EncodedFrame):
            return encoded
        try:
            return self._report_failures(encoded.frame, lambda: self._store(encoded))
        finally:
            self._release(encoded.frame)

    def _release(self, frame: Frame) -> None:
        if self.claims is not None:
            self.claims.release(frame.stem)

    def _report_bugs(self, frame: Frame, stage: Callable[[], T | Records]) -> T | Records:
        """Convert an unexpected exception to a failed record, so that the run continues."""
        try:
            return stage()
        except (EdgesegError, MemoryError):
            raise
        except Exception as error:
            self._print_bug()
            message = f"{frame.name}: internal error ({type(error).__name__}: {one_line(error)})"
            return (self.records.failed(frame, "internal_error", message),)

    def _report_failures(self, frame: Frame, stage: Callable[[], T | Records]) -> T | Records:
        """Convert a PhotoError or an unexpected exception to a failed record."""
        try:
            return self._report_bugs(frame, stage)
        except PhotoError as error:
            return (self.records.failed(frame, error.code, str(error)),)

    def _decode(self, frame: Frame) -> DecodedFrame | Records:
        timer = StageTimer()
        try:
            with timer.stage("decode"):
                payload = frame.load()
                if self.options.dicom:
                    check_source(frame)
                files = self.options.output_files(frame.stem, self.parts)
                provenance = self._existing.provenance(frame, payload) if files else None
                self._existing.check(files.values(), frame.name, provenance)
                if self.resume and provenance is not None:
                    stored = self._existing.reuse(frame, files, provenance)
                    if stored is not None:
                        return stored
                if frame.dicom is not None:
                    del payload  # reduces the peak memory
                    photo = frame.dicom.decode(frame.name)
                    frame.dicom.release_data()
                elif isinstance(payload, bytes):
                    photo = decode_photo(payload, frame.name)
                else:
                    photo = validate_photo(payload, frame.name)
        except PhotoError as error:
            return (self.records.failed(frame, error.code, str(error)),)
        return DecodedFrame(frame, photo, provenance, timer)

    def _segment(self, decoded: DecodedFrame) -> SegmentedFrame | Records:
        frame, photo, _, timer = decoded
        repeats = self._frozen_frames.count_repeats(photo) if frame.live else 0
        segmenter, options = self.segmenter, self.options
        try:
            with timer.stage("field_of_view"):
                fovs = segmenter.detect_fields(photo, frame.name)
        except PhotoError as error:
            record = self.records.without_field(
                frame, (photo.shape[0], photo.shape[1]), str(error), repeats
            )
            return SegmentedFrame(decoded, (record,), None)
        records: list[ResultRecord] = []
        inferred: list[FieldResult] = []
        measured: list[Measures] = []
        for index, fov in enumerate(fovs, 1):
            with timer.stage("quality"):
                quality = assess_for_model(photo, fov, segmenter.card.preprocessing.fov)
            if options.skip_ungradable and quality.ungradable:
                record = self.records.ungradable(frame, fov, quality, index, len(fovs), repeats)
                records.append(with_measures(record, None, frame, options))
                continue
            with timer.stage("preprocess"):
                prepared = segmenter.prepare(photo, frame.name, fov)
            result = segmenter.infer(prepared, quality, timer, frame.name)
            inferred.append(result)
            record = self.records.segmented(frame, result, index, len(fovs), repeats)
            measures = self._measure(result, timer, frame)
            measured += [] if measures is None else [measures]
            records.append(with_measures(record, measures, frame, options))
            if photo.nbytes > _MIN_RELEASE_BYTES:
                # Freed memory is fragmented, and the next field would require additional memory.
                release_freed_memory()
        if not inferred:
            return SegmentedFrame(decoded, tuple(records), None)
        results = tuple(inferred)
        segmentation = Segmentation(photo, join_masks(results), results, timer.ms, segmenter)
        return SegmentedFrame(decoded, tuple(records), segmentation, tuple(measured))

    def _measure(self, result: FieldResult, timer: StageTimer, frame: Frame) -> Measures | None:
        """Measure a field of view if the run measures vessels and the quality is sufficient."""
        assert result.quality is not None
        if not self.options.measures or result.quality.ungradable:
            return None
        with timer.stage("measure"):
            return result.measure(self.segmenter.threshold, frame.spacing, frame.eye)

    def _encode(self, segmented: SegmentedFrame, in_place: bool) -> EncodedFrame:
        (frame, photo, provenance, timer), records, segmentation, measured = segmented
        files: dict[str, Path] = {}
        contents: dict[Path, bytes] = {}
        if self.video is not None:
            self.video.check_free_space()
        if segmentation is not None:
            texts = {} if provenance is None else provenance.texts()
            files = self.options.output_files(frame.stem, self.parts)
            with timer.stage("encode"):
                dicom = encode_dicom_results(
                    self.parts, frame, segmentation, records, provenance, self.options
                )
                if self.sheet is not None:
                    first = records[0]
                    self.sheet.add_thumbnails(first.source, first.frame, photo, segmentation.mask)
                # The overlays are the last images, because they may be drawn on the photograph.
                for part, file in sorted(files.items(), key=lambda item: item[0] in _OVERLAYS):
                    stored = texts | record_text(records) if part == "vessels" else texts
                    contents[file] = dicom.get(part) or encode_image(
                        segmentation,
                        part,
                        file.suffix,
                        stored,
                        self.options,
                        measured,
                        self._photo_use(part) if in_place and photo.flags.writeable else "keep",
                    )
        if self.video is not None:
            with timer.stage("video"):
                drawn = photo
                if segmentation is not None:
                    drawn = draw_run_overlay(segmentation, self.options)
                self.video.write(drawn, frame.time)
            files["video"] = self.video.path
        return EncodedFrame(frame, records, files, contents, timer)

    def _photo_use(self, part: str) -> PhotoUse:
        is_last = part == "measures_overlay" or not self.options.measures_overlay
        return "change" if is_last else "restore"

    def _store(self, encoded: EncodedFrame) -> Records:
        for file, content in encoded.contents.items():
            with encoded.timer.stage("write"):
                self.folders.create_parent(file)
                write_atomically(file, content, self.options.follow_links)
        return tuple(
            with_files(record, encoded.files, encoded.timer.ms) for record in encoded.records
        )
