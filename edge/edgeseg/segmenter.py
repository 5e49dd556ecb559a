"""Photograph in, vessels out."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.errors import ModelError, UsageError
from edgeseg.field_of_view.detect import FieldOfView, field_of_view
from edgeseg.imaging.arrays import Mask, Photo, Probability
from edgeseg.imaging.photo import decode_photo, read_photo, validate_photo
from edgeseg.models.catalog import PrecisionChoice
from edgeseg.network import Network
from edgeseg.postprocess import ResizeBuffer, resize_to_photo, threshold_at_photo_size
from edgeseg.preprocessing.prepare import Begun, Placement, begin, preprocess
from edgeseg.runtimes.base import ProviderChoice, Runtime, RuntimeChoice

PhotoLike = npt.NDArray[np.uint8] | str | os.PathLike[str] | bytes
"""An RGB uint8 array (H, W, 3), a path, or an image file's bytes."""

_ROUNDING = 0.01  # INT8's step is 1/255


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The vessels of one photograph.

    Attributes:
        photo: (H, W, 3) uint8 RGB, as decoded.
        mask: (H, W) uint8 {0, 255}, at the photograph's own size.
        fov: the field of view, its mask (H, W) and its box.
        timings: milliseconds a stage: decode, field_of_view, preprocess, infer, postprocess.
        threshold: probability from which a pixel is vessel.
        working: (size, size) float32, the probability as the network gave it.
        placement: how the working square lies in the photograph.
    """

    photo: Photo
    mask: Mask
    fov: FieldOfView
    timings: dict[str, float]
    threshold: float
    working: Probability
    placement: Placement

    @cached_property
    def probability(self) -> Probability:
        """(H, W) float32, 0 to 1, at the photograph's own size; 0 outside the field of view. Made when asked for."""
        return resize_to_photo(self.working, self.placement, self.fov.mask)

    @cached_property
    def vessel_density(self) -> float:
        """Share of the field of view's pixels that are vessel, 0 to 1."""
        return cv2.countNonZero(self.mask) / max(1, cv2.countNonZero(self.fov.mask))


class Segmenter:
    """One loaded model; segments any number of photographs, one after the other, never two at once.

    Where neither precision, runtime, threads nor provider is named, what `edgeseg doctor --tune` measured for this
    model on this CPU is taken, if it was measured.

    Args:
        model: a shipped name (`default`) or a model file.
        precision: `auto`, or the precision whose file is to be loaded.
        runtime: `auto` (OpenVINO where it is installed), `onnxruntime` or `openvino`.
        threads: to compute with; None takes every core that the process may use.
        threshold: probability from which a pixel is vessel; None takes the model's own.
        provider: ONNX Runtime's (`cpu`, `cuda`, `tensorrt`); None is the CPU.

    Raises:
        ModelError: there is no such model, or it was refused.
        SurroundingsError: the runtime is not available.
        UsageError: `threads` or `threshold` make no sense.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "default",
        precision: PrecisionChoice = "auto",
        runtime: RuntimeChoice = "auto",
        threads: int | None = None,
        threshold: float | None = None,
        provider: ProviderChoice | None = None,
    ) -> None:
        self._take(Network(model, precision, runtime, threads, threshold, provider))
        self.runtime = self._network.loaded()

    @classmethod
    def over(cls, network: Network) -> Segmenter:
        """One whose network is being loaded: `runtime` or the first photograph waits, and raises what is wrong."""
        segmenter = cls.__new__(cls)
        segmenter._take(network)
        return segmenter

    def _take(self, network: Network) -> None:
        self._network = network
        self._runtime: Runtime | None = None
        self._scratch = ResizeBuffer()
        self.file, self.card, self.threads = network.file, network.card, network.threads
        self.runtime_name, self.threshold = network.runtime_name, network.threshold

    @property
    def runtime(self) -> Runtime:
        """The loaded network.

        Raises:
            ModelError: it was refused.
            SurroundingsError: the provider is not available.
        """
        if self._runtime is None:
            self._runtime = self._network.loaded()
        return self._runtime

    @runtime.setter
    def runtime(self, other: Runtime) -> None:
        self._runtime = other

    def begin(self, photo: Photo) -> Begun | None:
        """Compute on another core what needs no field of view, for `segment`; None where there is nothing, or no core.

        Args:
            photo: an RGB uint8 array (H, W, 3).
        """
        return begin(photo, self.card.preprocessing) if self.threads > 1 else None

    def segment(
        self,
        photo: PhotoLike,
        name: str = "photograph",
        fov: FieldOfView | None = None,
        begun: Begun | None = None,
    ) -> Segmentation:
        """Find the vessels.

        Args:
            photo: an RGB uint8 array (H, W, 3), a path, or an image file's bytes.
            name: for error messages, where `photo` is no path.
            fov: its field of view, mask (H, W), where it is known; else it is found as the model's card says.
            begun: what `begin` gave of this photograph before its field of view was known; it serves once.

        Raises:
            PhotographError: it cannot be read, or holds no fundus.
            UsageError: `fov` is of another size than the photograph.
        """
        watch = _Watch()
        if isinstance(photo, (str, os.PathLike)):
            name = os.fspath(photo)
        pixels = _decoded(photo, name)
        watch.lap("decode")
        how = self.card.preprocessing
        if fov is None:
            begun = begun or self.begin(pixels)
            fov = field_of_view(pixels, how.fov, name)
        else:
            fov = _fitting(fov, pixels, name)
        watch.lap("field_of_view")
        ready = preprocess(pixels, fov, how, begun)
        watch.lap("preprocess")
        working = self.runtime.infer(ready.tensor)
        if not (
            working.min() >= -_ROUNDING and working.max() <= 1 + _ROUNDING
        ):  # so written, NaN fails too
            raise ModelError(
                f"{self.file.path}: gave NaN, or more than 0 to 1, for {name}; the model file is damaged"
            )
        watch.lap("infer")
        mask = threshold_at_photo_size(
            working, ready.placement, fov.mask, self.threshold, self._scratch
        )
        watch.lap("postprocess")
        return Segmentation(pixels, mask, fov, watch.laps, self.threshold, working, ready.placement)


def _decoded(photo: PhotoLike, name: str) -> Photo:
    if isinstance(photo, bytes):
        return decode_photo(photo, name)
    if isinstance(photo, (str, os.PathLike)):
        return read_photo(Path(photo))
    return validate_photo(photo, name)


def _fitting(fov: FieldOfView, photo: Photo, name: str) -> FieldOfView:
    if fov.mask.shape != photo.shape[:2]:
        have, want = (f"{shape[1]}x{shape[0]}" for shape in (fov.mask.shape, photo.shape[:2]))
        raise UsageError(
            f"{name}: the field of view is {have} pixels, the photograph {want}; give one of its size"
        )
    return fov


class _Watch:
    """Milliseconds between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = (now - self._last) * 1e3
        self._last = now
