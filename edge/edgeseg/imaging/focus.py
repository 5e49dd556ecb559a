"""Focus: contrast of fine detail, divided by the contrast of coarser detail."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask

_NOISE_DETAIL = 0.01  # detail below this share of the mean is noise


def measure_focus(green: Mask, inside: Mask, core: Mask, mean: float) -> tuple[float, float]:
    """Measure the focus and the detail; `edgeseg.quality` defines both.

    Args:
        green: (h, w) uint8, a field of view about 256 pixels wide.
        inside: (h, w) uint8, 0 outside the field of view.
        core: (h, w) uint8, 0 outside the field of view and at its edge.
        mean: mean of the core.

    Returns:
        Focus (0 or more), and the standard deviation of the coarse detail in grey levels.
    """
    grey = green.astype(np.float32)
    blur1, blur2, blur6 = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (1, 2, 6))
    coarse = _deviation(blur2 - blur6, core)
    if coarse <= _NOISE_DETAIL * mean:
        return 0.0, coarse
    fine = _deviation(blur1 - blur2, core)
    return min(fine / coarse, _measure_coarse_focus(grey, inside, core)), coarse


def _measure_coarse_focus(grey: npt.NDArray[np.float32], inside: Mask, core: Mask) -> float:
    """Measure the focus at coarse scales, which codec artefacts do not affect.

    The computation uses half the size. The blur is normalised to the field of view, because the
    blur kernel extends beyond the edge of the field.
    """
    half = max(1, grey.shape[1] // 2), max(1, grey.shape[0] // 2)
    share = (inside > 0).astype(np.float32)
    weight = cv2.resize(share, half, interpolation=cv2.INTER_AREA)
    light = cv2.resize(grey * share, half, interpolation=cv2.INTER_AREA)
    resized = cv2.resize(core, half, interpolation=cv2.INTER_NEAREST)
    half_core = np.asarray(resized, np.uint8)
    if not cv2.countNonZero(half_core):
        return math.inf
    blur1, blur2, blur3, blur7 = (
        cv2.GaussianBlur(light, (0, 0), sigma)
        / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)
        for sigma in (1, 2, 3, 7)
    )
    return _deviation(blur1 - blur2, half_core) / max(_deviation(blur3 - blur7, half_core), 1e-3)


def _deviation(image: npt.NDArray[np.float32 | np.float64], inside: Mask) -> float:
    """Return the standard deviation of the pixels inside a mask."""
    return float(cv2.meanStdDev(image, mask=inside)[1][0, 0])
