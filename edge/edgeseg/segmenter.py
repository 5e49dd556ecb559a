"""Photograph to vessel mask: detect the fields of view, prepare, infer, threshold."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.errors import ModelError, SystemSetupError, UsageError
from edgeseg.field_of_view.detect import FieldOfView, detect_fields
from edgeseg.imaging.arrays import Mask, Photo, Probability
from edgeseg.imaging.overlay import draw_overlay
from edgeseg.imaging.photo import decode_photo, encode_png, read_photo, validate_photo
from edgeseg.measures import Eye, Measures, Spacing, measure_vessels
from edgeseg.models.catalog import PrecisionChoice
from edgeseg.models.loaded_file import load_file
from edgeseg.models.selection import select_model
from edgeseg.postprocess import ResizeBuffer, resize_to_photo, threshold_at_photo_size
from edgeseg.preprocessing.prepare import Placement, Prepared, prepare
from edgeseg.quality import FrameQuality, assess_for_model
from edgeseg.runtimes.base import ProviderChoice, Runtime, RuntimeChoice, load_runtime
from edgeseg.system.files import make_folder, write_atomically
from edgeseg.system.interpreters import in_subinterpreter
from edgeseg.system.stage_timer import StageTimer

if TYPE_CHECKING:
    from edgeseg.run.results.record import ResultRecord

PhotoLike: TypeAlias = "npt.NDArray[np.uint8] | str | os.PathLike[str] | bytes"
"""An RGB uint8 array (H, W, 3), a path, or the bytes of an image file."""

_ROUNDING = 0.01  # one step of an INT8 output is 1/255


@dataclass(frozen=True, eq=False)
class FieldResult:
    """Vessels of one field of view.

    Attributes:
        fov: field of view in the photograph.
        placement: mapping between the network input and the photograph.
        probability: (size, size) float32, 0 to 1, at the working size.
        mask: (H, W) uint8 {0, 255}, the vessels of this field.
        quality: image quality of this field; None if it was not assessed.
    """

    fov: FieldOfView = field(repr=False)
    placement: Placement
    probability: Probability = field(repr=False)
    mask: Mask = field(repr=False)
    quality: FrameQuality | None = None

    @cached_property
    def vessel_density(self) -> float:
        """Share of the field of view's pixels that are vessel, 0 to 1."""
        return cv2.countNonZero(self.mask) / max(1, cv2.countNonZero(self.fov.mask))

    def measure(
        self, threshold: float, spacing: Spacing | None = None, eye: Eye | None = None
    ) -> Measures:
        """Measure the vessels; widths are measured on the probability.

        Args:
            threshold: vessel probability threshold of the mask.
            spacing: size of a pixel; without it, no figure is in micrometres.
            eye: `left` or `right`, for the anatomical names of the quadrants.

        Raises:
            UsageError: The spacing is not positive.
        """
        probability = resize_to_photo(self.probability, self.placement, self.fov.mask)
        np.clip(probability, 0, 1, out=probability)  # a quantized output may exceed 1 by a step
        return measure_vessels(self.mask, self.fov, probability, threshold, spacing, eye)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Vessels of one photograph.

    Attributes:
        photo: (H, W, 3) uint8 RGB, as decoded.
        mask: (H, W) uint8 {0, 255}, the vessels of all fields of view.
        inferred: results per field of view, from left to right, then from top to bottom.
        timings: milliseconds per stage: decode, field_of_view, preprocess, infer, postprocess.
        segmenter: model that made it.
    """

    photo: Photo = field(repr=False)
    mask: Mask = field(repr=False)
    inferred: tuple[FieldResult, ...]
    timings: dict[str, float]
    segmenter: Segmenter = field(repr=False)

    @cached_property
    def fields(self) -> tuple[FieldResult, ...]:
        """Results per field of view, with their quality, which is assessed on first access."""
        method = self.segmenter.card.preprocessing.fov
        return tuple(
            replace(
                result, quality=result.quality or assess_for_model(self.photo, result.fov, method)
            )
            for result in self.inferred
        )

    @cached_property
    def probability(self) -> Probability:
        """(H, W) float32, 0 to 1; 0 outside the fields of view. Computed on first access."""
        maps = [
            resize_to_photo(result.probability, result.placement, result.fov.mask)
            for result in self.inferred
        ]
        return reduce(np.maximum, maps)

    @property
    def fov(self) -> FieldOfView:
        """The largest field of view."""
        return self.inferred[self._largest].fov

    @property
    def quality(self) -> FrameQuality:
        """Image quality of the largest field of view."""
        quality = self.fields[self._largest].quality
        assert quality is not None
        return quality

    @property
    def vessel_density(self) -> float:
        """Vessel density of the largest field of view, 0 to 1."""
        return self.inferred[self._largest].vessel_density

    @property
    def threshold(self) -> float:
        """Vessel probability threshold of the mask."""
        return self.segmenter.threshold

    def measures(
        self, spacing: Spacing | None = None, eye: Eye | None = None
    ) -> tuple[Measures, ...]:
        """Measure the vessels of each field of view. Definitions: docs/measures.md.

        Args:
            spacing: size of a pixel; without it, no figure is in micrometres.
            eye: `left` or `right`, for the anatomical names of the quadrants.

        Raises:
            UsageError: The spacing is not positive.
        """
        measured: list[Measures] = []
        for result in self.inferred:
            measured.append(result.measure(self.threshold, spacing, eye))
        return tuple(measured)

    def overlay(self) -> Photo:
        """Return the photograph with its vessels marked, (H, W, 3) uint8 RGB."""
        return draw_overlay(self.photo, self.mask)

    def save(self, directory: str | os.PathLike[str], stem: str) -> tuple[Path, Path]:
        """Write `STEM_vessels.png` and `STEM_overlay.png`.

        Args:
            directory: folder for the files; created if it does not exist.
            stem: beginning of the file names.

        Returns:
            Paths of the mask and of the overlay.

        Raises:
            SystemSetupError: The files cannot be written.
        """
        folder = Path(directory)
        make_folder(folder)
        mask = folder / f"{stem}_vessels.png"
        overlay = folder / f"{stem}_overlay.png"
        write_atomically(mask, encode_png(self.mask))
        write_atomically(overlay, encode_png(self.overlay()))
        return mask, overlay

    def records(self, source: str = "photograph") -> tuple[ResultRecord, ...]:
        """Return one result record per field of view, as `edgeseg run --json` prints them.

        Args:
            source: path or name of the photograph.
        """
        from edgeseg.run.frame import Frame  # noqa: PLC0415 - `edgeseg.run` imports this module
        from edgeseg.run.results.record_builder import RecordBuilder, with_files  # noqa: PLC0415

        builder = RecordBuilder(self.segmenter)
        frame = Frame(source, Path(source).stem, bytes)
        count = len(self.fields)
        return tuple(
            with_files(builder.segmented(frame, result, index, count), {}, self.timings)
            for index, result in enumerate(self.fields, 1)
        )

    @cached_property
    def _largest(self) -> int:
        areas = [cv2.countNonZero(result.fov.mask) for result in self.inferred]
        return areas.index(max(areas))


class Segmenter:
    """One loaded model that segments any number of photographs.

    Without precision, runtime, threads and provider, it uses the setup that `edgeseg doctor --tune`
    measured for this model on this CPU, if it was measured.

    Args:
        model: shipped name (`default`, `detail`) or model file.
        precision: precision of the file to load, or `auto`.
        runtime: `onnxruntime`, `openvino`, `auto` (OpenVINO if installed), or a loaded runtime.
        threads: number of CPU threads; by default every core that the process may use.
        threshold: vessel probability threshold; by default the model's own.
        provider: execution provider of ONNX Runtime: `cpu` (default), `cuda` or `tensorrt`.

    Attributes:
        file: selected model file.
        card: metadata of the model file.
        model_sha256: SHA-256 of the model file, hexadecimal.
        runtime: loaded network.
        runtime_name: name of the runtime.
        provider: execution provider of ONNX Runtime; None for other runtimes.
        threads: number of CPU threads.
        threshold: vessel probability threshold.

    Raises:
        ModelError: The model does not exist or was rejected.
        SystemSetupError: The runtime or the provider is not available, or this is a subinterpreter.
        UsageError: `threads` or `threshold` is out of range.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "default",
        precision: PrecisionChoice = "auto",
        runtime: RuntimeChoice | Runtime = "auto",
        threads: int | None = None,
        threshold: float | None = None,
        provider: ProviderChoice | None = None,
    ) -> None:
        if in_subinterpreter():
            raise SystemSetupError("a Segmenter works only in Python's main interpreter")
        if threads is not None and threads < 1:
            raise UsageError(f"threads = {threads}: must be at least 1")
        if threshold is not None and not 0 <= threshold <= 1:
            raise UsageError(f"threshold = {threshold}: must be a probability, 0 to 1")
        runtime_choice: RuntimeChoice = runtime if isinstance(runtime, str) else "onnxruntime"
        selection = select_model(model, precision, runtime_choice, threads, provider)
        loaded = load_file(selection.file.path)
        self.file = selection.file._replace(card=loaded.card)
        self.card = loaded.card
        self.model_sha256 = loaded.sha256
        self.threads = selection.threads
        self.threshold = self.card.threshold if threshold is None else threshold
        if isinstance(runtime, str):
            size = self.card.preprocessing.size
            runtime = load_runtime(
                self.file.path, size, selection.runtime, self.threads, provider, loaded.data
            )
        self.runtime: Runtime = runtime
        self.runtime_name = runtime.name
        if provider is None and self.runtime_name == "onnxruntime":
            provider = "cpu"
        self.provider = provider
        self._buffer = ResizeBuffer()

    def segment(
        self, photo: PhotoLike, name: str = "photograph", fov: FieldOfView | None = None
    ) -> Segmentation:
        """Segment the vessels in every field of view.

        Args:
            photo: RGB uint8 array (H, W, 3), a path, or the bytes of an image file.
            name: photograph's name for error messages, unless `photo` is a path.
            fov: the only field of view to segment, its mask (H, W); by default all detected ones.

        Raises:
            PhotoError: The photograph cannot be read or shows no retina.
            UsageError: `fov` has another size than the photograph.
        """
        timer = StageTimer()
        if isinstance(photo, (str, os.PathLike)):
            name = os.fspath(photo)
        with timer.stage("decode"):
            pixels = _decode(photo, name)
        with timer.stage("field_of_view"):
            fovs = (fov,) if fov is not None else self.detect_fields(pixels, name)
        inferred: list[FieldResult] = []
        for one_fov in fovs:
            with timer.stage("preprocess"):
                prepared = self.prepare(pixels, name, one_fov)
            inferred.append(self.infer(prepared, timer=timer, name=name))
        return Segmentation(pixels, join_masks(tuple(inferred)), tuple(inferred), timer.ms, self)

    def detect_fields(self, photo: Photo, name: str = "photograph") -> tuple[FieldOfView, ...]:
        """Detect the fields of view of (H, W, 3) uint8 RGB by the model's method.

        Raises:
            PhotoError: No retina was found.
        """
        return detect_fields(photo, self.card.preprocessing, name)

    def prepare(
        self, photo: PhotoLike, name: str = "photograph", fov: FieldOfView | None = None
    ) -> Prepared:
        """Make the network input from one field of view, by default the largest.

        Raises:
            PhotoError: The photograph cannot be read or shows no retina.
            UsageError: `fov` has another size than the photograph.
        """
        pixels = _decode(photo, name)
        if fov is not None and fov.mask.shape != pixels.shape[:2]:
            fov_size = f"{fov.mask.shape[1]}x{fov.mask.shape[0]}"
            photo_size = f"{pixels.shape[1]}x{pixels.shape[0]}"
            raise UsageError(
                f"{name}: the field of view is {fov_size}, the photograph {photo_size}"
            )
        return prepare(pixels, self.card.preprocessing, name, fov)

    def infer(
        self,
        prepared: Prepared,
        quality: FrameQuality | None = None,
        timer: StageTimer | None = None,
        name: str = "photograph",
    ) -> FieldResult:
        """Compute the vessels of one prepared field of view.

        Args:
            prepared: network input from `prepare`.
            quality: quality to store in the result.
            timer: timer that gets the stages `infer` and `postprocess`.
            name: photograph's name, for error messages.

        Raises:
            ModelError: The network returned values outside 0 to 1.
        """
        timer = timer or StageTimer()
        with timer.stage("infer"):
            probability = self.runtime.infer(prepared.tensor)
            in_range = probability.min() >= -_ROUNDING and probability.max() <= 1 + _ROUNDING
            if not in_range:  # NaN is not in range either
                raise ModelError(
                    f"{self.file.path}: returned NaN or values outside 0 to 1 for {name}; "
                    "the model file is damaged"
                )
        with timer.stage("postprocess"):
            mask = threshold_at_photo_size(
                probability, prepared.placement, prepared.fov.mask, self.threshold, self._buffer
            )
        return FieldResult(prepared.fov, prepared.placement, probability, mask, quality)


def join_masks(results: tuple[FieldResult, ...]) -> Mask:
    """Return one (H, W) uint8 {0, 255} mask with the vessels of all fields of view."""
    if len(results) == 1:
        return results[0].mask
    joined: Mask = results[0].mask.copy()
    for result in results[1:]:
        cv2.bitwise_or(joined, result.mask, joined)
    return joined


def _decode(photo: PhotoLike, name: str) -> Photo:
    if isinstance(photo, bytes):
        return decode_photo(photo, name)
    if isinstance(photo, (str, os.PathLike)):
        return read_photo(Path(photo))
    return validate_photo(photo, name)
