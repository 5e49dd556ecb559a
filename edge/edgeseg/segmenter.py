"""Segmentation of a photograph: fields of view, preprocessing, inference and thresholding."""

from __future__ import annotations

import copy
import os
import threading

from edgeseg.device.cpu import usable_cores
from edgeseg.errors import ModelError, SystemSetupError, UsageError
from edgeseg.field_of_view.detect import FieldOfView, detect_fields
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.convert import PhotoLike, to_photo
from edgeseg.models.card import ModelCard
from edgeseg.models.catalog import PrecisionChoice
from edgeseg.models.loaded_file import load_file
from edgeseg.models.selection import select_model
from edgeseg.postprocess import ResizeBuffer, threshold_at_photo_size
from edgeseg.preprocessing.prepare import Prepared, prepare
from edgeseg.quality import FrameQuality
from edgeseg.runtimes.base import ProviderChoice, Runtime, RuntimeChoice, load_runtime
from edgeseg.segmentation import FieldResult, Segmentation, join_masks
from edgeseg.system.interpreters import in_subinterpreter
from edgeseg.system.stage_timer import StageTimer

_ROUNDING = 0.01  # tolerance; one step of an INT8 output is 1/255
_LARGE_SIZE = 1024  # side of the network input in pixels


class Segmenter:
    """Loaded model that segments any number of photographs.

    If precision, runtime, threads and provider are not given, a setup from the tuning cache is
    used. If `edgeseg doctor --tune` has not measured this model on this CPU, the defaults below are
    used.

    Args:
        model: name of a shipped model (`default`, `detail`) or model file.
        precision: precision of the file to load, or `auto`.
        runtime: `onnxruntime`, `openvino`, `auto` (OpenVINO if installed), or a loaded runtime.
        threads: number of CPU threads; by default all cores that the process may use.
        threshold: vessel probability threshold; by default the model's own.
        provider: execution provider of ONNX Runtime, `cpu` (default), `cuda` or `tensorrt`.
        callers: number of threads that use this object at the same time. If `threads` is not given,
            each call to ONNX Runtime uses an equal share of the cores.

    Attributes:
        file: selected model file.
        card: metadata of the model file.
        model_sha256: SHA-256 of the model file, hexadecimal.
        runtime: loaded network.
        runtime_name: name of the runtime.
        provider: execution provider of ONNX Runtime; None for other runtimes.
        threads: number of CPU threads per call.
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
        callers: int = 1,
    ) -> None:
        if in_subinterpreter():
            raise SystemSetupError(
                "a Segmenter cannot be created in a subinterpreter. Use the main interpreter."
            )
        if threads is not None and threads < 1:
            raise UsageError(f"threads = {threads} is invalid. Use at least 1.")
        if threshold is not None:
            _check_threshold(threshold)
        runtime_choice: RuntimeChoice = runtime if isinstance(runtime, str) else "onnxruntime"
        selection = select_model(model, precision, runtime_choice, threads, provider)
        loaded = load_file(selection.file.path)
        self.file = selection.file._replace(card=loaded.card)
        self.card = loaded.card
        self.model_sha256 = loaded.sha256
        self.threads = selection.threads
        if threads is None and selection.runtime == "onnxruntime":
            self.threads = max(1, selection.threads // callers)
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
        inferences = _max_inferences(self.card, self.threads)
        self._inference_limit = threading.BoundedSemaphore(inferences)
        self._buffer = ResizeBuffer()

    def segment(
        self, photo: PhotoLike, name: str = "photograph", fov: FieldOfView | None = None
    ) -> Segmentation:
        """Segment the vessels in every field of view.

        Args:
            photo: RGB array (H, W, 3), path, bytes of an image file, PIL image, or another array;
                `edgeseg.imaging.convert.to_photo` lists shapes, types and ranges.
            name: name of the photograph for error messages; ignored if `photo` is a path.
            fov: mask (H, W) of the only field of view to segment; by default all detected fields.

        Raises:
            PhotoError: The photograph cannot be read or shows no retina.
            UsageError: `fov` has another size than the photograph.
        """
        timer = StageTimer()
        if isinstance(photo, (str, os.PathLike)):
            name = os.fspath(photo)
        with timer.stage("decode"):
            pixels = to_photo(photo, name)
        with timer.stage("field_of_view"):
            fovs = (fov,) if fov is not None else self.detect_fields(pixels, name)
        inferred: list[FieldResult] = []
        for one_fov in fovs:
            with timer.stage("preprocess"):
                prepared = self.prepare(pixels, name, one_fov)
            inferred.append(self.infer(prepared, timer=timer, name=name))
        return Segmentation(pixels, join_masks(tuple(inferred)), tuple(inferred), timer.ms, self)

    def with_threshold(self, threshold: float) -> Segmenter:
        """Return a Segmenter with another threshold that shares the loaded model.

        Args:
            threshold: vessel probability threshold.

        Raises:
            UsageError: `threshold` is out of range.
        """
        _check_threshold(threshold)
        other = copy.copy(self)
        other.threshold = threshold
        return other

    def detect_fields(self, photo: Photo, name: str = "photograph") -> tuple[FieldOfView, ...]:
        """Detect the fields of view of a photograph, (H, W, 3) uint8 RGB.

        Raises:
            PhotoError: No retina was found.
        """
        return detect_fields(photo, self.card.preprocessing, name)

    def prepare(
        self, photo: PhotoLike, name: str = "photograph", fov: FieldOfView | None = None
    ) -> Prepared:
        """Prepare the network input from one field of view, by default the largest.

        Raises:
            PhotoError: The photograph cannot be read or shows no retina.
            UsageError: `fov` has another size than the photograph.
        """
        pixels = to_photo(photo, name)
        if fov is not None and fov.mask.shape != pixels.shape[:2]:
            fov_size = f"{fov.mask.shape[1]}x{fov.mask.shape[0]}"
            photo_size = f"{pixels.shape[1]}x{pixels.shape[0]}"
            raise UsageError(
                f"{name}: the field of view is {fov_size}, the photograph {photo_size}. Both must "
                "have the same size."
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
            name: name of the photograph for error messages.

        Raises:
            ModelError: The network returned values outside 0 to 1.
        """
        timer = timer or StageTimer()
        with timer.stage("infer"):
            with self._inference_limit:
                probability = self.runtime.infer(prepared.tensor)
            low, high = probability.min(), probability.max()
            in_range = low >= -_ROUNDING and high <= 1 + _ROUNDING
            if not in_range:  # `in_range` is also False for NaN
                raise ModelError(
                    f"{self.file.path}: returned NaN or values outside 0 to 1 for {name}. "
                    "The model file is damaged: copy or convert it again."
                )
            if low < 0 or high > 1:
                probability = probability.clip(0, 1)
        with timer.stage("postprocess"):
            mask = threshold_at_photo_size(
                probability, prepared.placement, prepared.fov.mask, self.threshold, self._buffer
            )
        return FieldResult(prepared.fov, prepared.placement, probability, mask, quality)


def _max_inferences(card: ModelCard, threads: int) -> int:
    """Return the maximum number of simultaneous inferences.

    Additional inferences would not be faster, and each requires memory (85 MB for FP32 at 1408
    pixels). A single inference of a small or INT8 network does not keep all of its threads busy,
    so that two are faster.
    """
    is_small = card.preprocessing.size <= _LARGE_SIZE or card.precision == "int8"
    return max(2 if is_small else 1, usable_cores() // threads)


def _check_threshold(threshold: float) -> None:
    if not 0 <= threshold <= 1:  # NaN is also rejected
        raise UsageError(f"threshold = {threshold} is invalid. Use a value from 0 to 1.")
