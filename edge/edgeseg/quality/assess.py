"""Measurement of the image quality of one field of view.

The quality is measured on a reduced copy, in which the field of view is 256 pixels wide. This takes
one or two milliseconds.
"""

import math

import cv2
import numpy as np

from edgeseg.errors import PhotoError
from edgeseg.field_of_view.detect import FieldOfView, detect_fov
from edgeseg.field_of_view.methods import FovMethod
from edgeseg.field_of_view.rim import fit_rim
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.focus import measure_focus
from edgeseg.imaging.levels import LevelCounts, count_levels, mean_and_deviation, median, percentile
from edgeseg.imaging.line_polarity import measure_line_polarity
from edgeseg.quality.frame_quality import NO_FUNDUS, FrameQuality

_SIZE = 256  # longer side of the reduced copy in pixels
_BOX_FACTORS = (3, 5)  # factors for which a box filter is faster, with equal results
_RIM_WIDTH = 8  # width in pixels of the excluded edge, which is sharp even in a blurred field
_LIT_SHARE = 0.15  # minimum brightness of retina, relative to the 75th percentile
_WHITE = 250  # minimum green level of an overexposed pixel


def assess_for_model(photo: Photo, fov: FieldOfView, method: FovMethod) -> FrameQuality:
    """Assess a field of view. If the model uses the whole frame, detect the field first.

    Args:
        photo: (H, W, 3) uint8 RGB.
        fov: field of view, detected with the model's method.
        method: detection method of the model.
    """
    if method == "found":
        return assess_quality(photo, fov)
    try:
        return assess_quality(photo, detect_fov(photo))
    except PhotoError:
        return NO_FUNDUS


def assess_quality(photo: Photo, fov: FieldOfView) -> FrameQuality:
    """Measure the image quality of a field of view.

    Args:
        photo: (H, W, 3) uint8 RGB.
        fov: field of view of the photograph.
    """
    crop = _shrink(photo[fov.box.rows, fov.box.columns])
    height, width = crop.shape[:2]
    box_mask = fov.mask[fov.box.rows, fov.box.columns]
    resized = cv2.resize(box_mask, (width, height), interpolation=cv2.INTER_NEAREST)
    inside = np.asarray(resized, np.uint8)
    channels = [np.asarray(channel, np.uint8) for channel in cv2.split(crop)]
    brightest = np.maximum(np.maximum(channels[0], channels[1]), channels[2])
    light = count_levels(brightest, inside)
    retina_pixels = fov.area * _lit_share(light)
    rim = fov.rim or fit_rim(fov.mask)
    core = _select_core(inside)
    histograms = [count_levels(channel, core) for channel in channels]
    red, green, blue = (median(histogram) for histogram in histograms)
    mean, deviation = mean_and_deviation(histograms[1])
    focus, detail = measure_focus(channels[1], inside, core, mean)
    darkest = np.minimum(np.minimum(channels[0], channels[1]), channels[2])
    veil, saturation = _measure_saturation(
        count_levels(brightest, core), count_levels(darkest, core)
    )
    return FrameQuality(
        focus=focus,
        brightness=mean_and_deviation(light)[0],
        retina=retina_pixels / fov.mask.size,
        field=None if rim is None else min(1.0, retina_pixels / (math.pi * rim.radius**2)),
        diameter_px=2 * math.sqrt(retina_pixels / math.pi),
        detail=detail / max(mean, 1.0),
        contrast=deviation / max(mean, 1.0),
        overexposed=float(histograms[1][_WHITE:].sum() / histograms[1].sum()),
        colour=(red, green, blue),
        veil=veil,
        saturation=saturation,
        polarity=measure_line_polarity(channels[1], core),
    )


def _lit_share(light: LevelCounts) -> float:
    """Return the share of pixels that show retina, from a histogram of the brightness."""
    if not light.any():
        return 0.0
    limit = _LIT_SHARE * percentile(light, 75)
    return float(light[math.floor(limit) + 1 :].sum() / light.sum())


def _measure_saturation(brightest: LevelCounts, darkest: LevelCounts) -> tuple[float, float]:
    """Return the veil and the saturation, from histograms of the brightest and darkest channel."""
    light = max(1.0, mean_and_deviation(brightest)[0])
    return percentile(darkest, 5) / light, 1 - mean_and_deviation(darkest)[0] / light


def _select_core(inside: Mask) -> Mask:
    """Return the field without its edge. A field that is too narrow is returned unchanged."""
    kernel = np.ones((2 * _RIM_WIDTH + 1, 2 * _RIM_WIDTH + 1), np.uint8)
    core = cv2.erode(inside, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(core, np.uint8) if cv2.countNonZero(core) else inside


def _shrink(photo: Photo) -> Photo:
    """Reduce a photograph to `_SIZE` by area averaging.

    An integer factor is applied first, because OpenCV is faster with integer factors.
    """
    factor = max(photo.shape[:2]) // _SIZE
    height, width = photo.shape[0] // max(1, factor), photo.shape[1] // max(1, factor)
    if factor > 1 and min(height, width) > 0:
        # For large blocks, the mean of every second row is accurate enough.
        step = 1 if factor < 8 or factor % 2 else 2
        blocks = photo[: height * factor : step, : width * factor]
        if factor in _BOX_FACTORS:
            means = cv2.blur(blocks, (factor, factor), anchor=(0, 0))
            photo = np.asarray(cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST))
        else:
            photo = _resize(blocks, width, height)
    scale = _SIZE / max(photo.shape[:2])
    return _resize(photo, round(photo.shape[1] * scale), round(photo.shape[0] * scale))


def _resize(photo: Photo, width: int, height: int) -> Photo:
    method = cv2.INTER_AREA if width < photo.shape[1] else cv2.INTER_LINEAR
    return np.asarray(
        cv2.resize(photo, (max(1, width), max(1, height)), interpolation=method), np.uint8
    )
