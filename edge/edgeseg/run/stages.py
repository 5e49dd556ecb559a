"""One frame's way through a run: decode, judge and segment, write. What `edgeseg.run.pipeline` puts side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from edgeseg.errors import PhotoError
from edgeseg.imaging import png
from edgeseg.imaging.arrays import Photo, row_bands
from edgeseg.imaging.overlay import draw_overlay, overlay_bands
from edgeseg.imaging.photo import decode_photo, validate_photo
from edgeseg.quality import NO_FUNDUS, FrameQuality, assess_for_model
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import Part, output_file
from edgeseg.run.results import provenance
from edgeseg.run.results.frame_result import FrameResult, ModelInfo, Skipped
from edgeseg.segmenter import Segmentation, Segmenter
from edgeseg.system.background import BackgroundTask
from edgeseg.system.files import open_atomically

if TYPE_CHECKING:
    from edgeseg.run.results.overlay_video import OverlayVideo
    from edgeseg.run.sources.frozen_frames import FrozenFrameDetector


class DecodedFrame(NamedTuple):
    """A decoded frame, with the marks that its results will carry."""

    frame: Frame
    photo: Photo
    marks: provenance.Provenance | None
    timings: Mapping[str, float]


class SegmentedFrame(NamedTuple):
    """A frame that is ready to be written; `segmentation` is None where it was not worth it."""

    decoded: DecodedFrame
    quality: FrameQuality
    repeats: int
    timings: Mapping[str, float]
    segmentation: Segmentation | None = None
    skipped: Skipped | None = None


class RunOptions(NamedTuple):
    """What is to be written, and of which frames.

    Attributes:
        folder: Where to.
        parts: The pictures of each frame; none for a stream of which only a video or lines are wanted.
        resume: Skip frames all of whose pictures carry the marks that this run would write.
        skip_ungradable: Do not segment frames that are not worth it.
    """

    folder: Path
    parts: tuple[Part, ...]
    resume: bool = False
    skip_ungradable: bool = False

    def files(self, frame: Frame) -> dict[str, Path]:
        """The pictures of a frame."""
        return {part: output_file(frame.stem, self.folder, part) for part in self.parts}


class Maker(NamedTuple):
    """A model and what results say of it.

    Attributes:
        segmenter: The model; its network may still be loaded.
        made: As in a record.
        hashes: Waits for the SHA-256 of the model file, and of what else decides on a mask.
    """

    segmenter: Segmenter
    made: ModelInfo
    hashes: Callable[[], tuple[str, str]]

    @classmethod
    def of(cls, segmenter: Segmenter, version: str) -> Maker:
        """The marks of a segmenter's results.

        Args:
            segmenter: The model; its network may still be loaded.
            version: Of this program: another one may give other masks.
        """
        card, runtime = segmenter.card, segmenter.runtime_name
        made = ModelInfo(segmenter.file.name, card.precision, runtime, segmenter.threshold)
        options: dict[str, str | float] = {
            "threshold": segmenter.threshold,
            "runtime": runtime,
            "version": version,
        }
        hashes = BackgroundTask(
            lambda: (provenance.of_file(segmenter.file.path), provenance.of_options(options))
        )
        return cls(segmenter, made, hashes.result)

    def marks(self, photograph: bytes | npt.NDArray[np.uint8]) -> provenance.Provenance:
        """Of what is made of a photograph's file, or of a stream's frame (H, W, 3).

        Raises:
            ModelError: The model file cannot be read any more.
        """
        return provenance.Provenance(provenance.of_photograph(photograph), *self.hashes())


class Stages:
    """The three stages, for the frames of one source.

    Each gives a `Record` early where there is nothing more to do; the later ones hand that on.

    Args:
        maker: The model.
        wanted: What to write.
        video: Of a stream's overlays.
        packers: Threads that pack a picture.
    """

    def __init__(
        self,
        maker: Maker,
        wanted: RunOptions,
        video: OverlayVideo | None = None,
        packers: int = 1,
    ) -> None:
        self.maker, self.wanted = maker, wanted
        self.video, self.packers = video, packers

    @cached_property
    def _seen(self) -> FrozenFrameDetector:
        from edgeseg.run.sources.frozen_frames import FrozenFrameDetector  # noqa: PLC0415 - photographs do not repeat

        return FrozenFrameDetector()

    def decode(self, frame: Frame) -> DecodedFrame | FrameResult:
        """Read and decode a frame, unless its results are there already, or what is no result."""
        start = time.perf_counter()
        try:
            payload, files = frame.load(), self.wanted.files(frame)
            _refuse_foreign(files.values(), frame.name)
            marking = BackgroundTask(partial(self.maker.marks, payload)) if files else None
            if self.wanted.resume and marking and marking.result().are_on(files.values()):
                return FrameResult(frame, self.maker.made, files, skipped="done before")
            photo = (
                decode_photo(payload, frame.name)
                if isinstance(payload, bytes)
                else validate_photo(payload, frame.name)
            )
        except PhotoError as error:
            return FrameResult(frame, self.maker.made, error=str(error))
        return DecodedFrame(
            frame, photo, marking.result() if marking else None, {"decode": _ms_since(start)}
        )

    def segment(self, decoded: DecodedFrame | FrameResult) -> SegmentedFrame | FrameResult:
        """Judge a frame, and segment it where it shows a fundus that is good enough."""
        if isinstance(decoded, FrameResult):
            return decoded
        frame, photo, start = decoded.frame, decoded.photo, time.perf_counter()
        repeats, segmenter = self._repeats(frame, photo), self.maker.segmenter
        try:
            fov = segmenter.detect_fields(photo, frame.name)[0]
        except PhotoError as error:
            return self._without_fundus(decoded, repeats, error)
        timings = {**decoded.timings, "field_of_view": _ms_since(start)}
        start = time.perf_counter()
        judged = assess_for_model(photo, fov, segmenter.card.preprocessing.fov)
        timings["quality"] = _ms_since(start)
        if self.wanted.skip_ungradable and judged.ungradable:
            return SegmentedFrame(decoded, judged, repeats, timings, skipped="ungradable")
        done = segmenter.segment(photo, frame.name, fov)
        return SegmentedFrame(decoded, judged, repeats, {**done.timings, **timings}, done)

    def _repeats(self, frame: Frame, photo: Photo) -> int:
        if frame.number is None:
            return 0
        return self._seen.of(photo) if frame.repeats is None else frame.repeats

    def _without_fundus(
        self, decoded: DecodedFrame, repeats: int, error: PhotoError
    ) -> SegmentedFrame | FrameResult:
        """An error of a photograph; in a stream the lens is sometimes away from the eye."""
        if decoded.frame.number is None:
            size = (decoded.photo.shape[0], decoded.photo.shape[1])
            return FrameResult(
                decoded.frame,
                self.maker.made,
                size=size,
                quality=NO_FUNDUS,
                error=str(error),
            )
        return SegmentedFrame(decoded, NO_FUNDUS, repeats, decoded.timings, skipped="no fundus")

    def write(self, judged: SegmentedFrame | FrameResult) -> FrameResult:
        """Write a frame's pictures, and say what was done.

        Raises:
            SurroundingsError: The disk does not take them.
        """
        if isinstance(judged, FrameResult):
            return judged
        done, frame, timings = judged.segmentation, judged.decoded.frame, dict(judged.timings)
        size = judged.decoded.photo.shape
        files: dict[str, Path] = {}
        if self.video is not None:
            self.video.check_room()
        if done is not None:
            for part in self.wanted.parts:
                files[part] = file = output_file(frame.stem, self.wanted.folder, part)
                _write(
                    file,
                    (size[0], size[1]),
                    _rows(done, part),
                    judged.decoded.marks,
                    timings,
                    self.packers,
                )
        if self.video is not None:
            start = time.perf_counter()
            self.video.write(
                judged.decoded.photo if done is None else draw_overlay(done.photo, done.mask),
                frame.time,
            )
            files["video"], timings["video"] = self.video.path, _ms_since(start)
        return FrameResult(
            frame,
            self.maker.made,
            files,
            (size[0], size[1]),
            judged.quality,
            None if done is None else done.vessel_density,
            timings,
            judged.repeats,
            _warnings(judged),
            judged.skipped,
        )


def _refuse_foreign(files: Iterable[Path], name: str) -> None:
    """A mask that someone drew may bear a result's name."""
    foreign = next(filter(provenance.is_foreign, files), None)
    if foreign is not None:
        raise PhotoError(
            f"{name}: {foreign} is no result of edgeseg; move it, or choose another folder with -o"
        )


def _warnings(judged: SegmentedFrame) -> tuple[str, ...]:
    frozen = ("frozen: the same picture as the frame before",) if judged.repeats else ()
    not_worth_it = judged.quality.ungradable and judged.segmentation is not None
    reasons = ", ".join(judged.quality.reasons)
    return (
        *frozen,
        *((f"ungradable, the vessels mean little: {reasons}",) if not_worth_it else ()),
    )


def _write(
    path: Path,
    size: tuple[int, int],
    rows: Iterator[png.Rows],
    its_marks: provenance.Provenance | None,
    timings: dict[str, float],
    packers: int,
) -> None:
    start = time.perf_counter()
    with open_atomically(path) as file:
        png.write_png(file, size, rows, its_marks.texts() if its_marks else None, packers)
        timings["encode"] = timings.get("encode", 0.0) + _ms_since(start)
        start = time.perf_counter()
    timings["write"] = timings.get("write", 0.0) + _ms_since(start)


def _rows(done: Segmentation, part: Part) -> Iterator[png.Rows]:
    if part == "vessels":
        return (done.mask[rows] for rows in row_bands(len(done.mask)))
    if part == "overlay":
        return overlay_bands(done.photo, done.mask)
    probability = done.probability
    return (
        (probability[rows] * 65535).round().astype("uint16") for rows in row_bands(len(probability))
    )


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1e3
