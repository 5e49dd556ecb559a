"""Thumbnail of a photograph for the detection of the field of view."""

import math
from typing import NamedTuple

import cv2
import numpy as np

from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.levels import count_levels, percentile

# Minimum side lengths of a thumbnail in pixels.
_MIN_LONGER_SIDE, _MIN_SHORTER_SIDE = 400, 16
# A photograph with shorter sides is enlarged, because smoothing would remove its details.
_MIN_PHOTO_SIDE = 256


class Thumbnail(NamedTuple):
    """Small version of a photograph.

    The point p of the thumbnail is at p * factor + shift in the photograph.

    Attributes:
        colour: (h, w, 3) uint8 RGB.
        level: (h, w) uint8, brightest channel, median-filtered.
        factor: scale from thumbnail to photograph.
        shift: offset from thumbnail to photograph in pixels.
        dark: level of the background.
        bright: level of the retina.
    """

    colour: Photo
    level: Mask
    factor: float
    shift: float
    dark: float
    bright: float


def make_thumbnail(photo: Photo) -> Thumbnail:
    """Create the thumbnail of a photograph, (H, W, 3) uint8 RGB."""
    (red, green, blue), factor, shift = _resize_channels(photo)
    level = np.asarray(cv2.medianBlur(np.maximum(np.maximum(red, green), blue), 5), np.uint8)
    dark = _background_level(level)
    colour = np.asarray(cv2.merge([red, green, blue]), np.uint8)
    return Thumbnail(colour, level, factor, shift, dark, _retina_level(level, dark))


def renew_levels(thumbnail: Thumbnail, level: Mask) -> Thumbnail:
    """Return a copy with levels in which some pixels were set to 0, (h, w) uint8."""
    dark = _background_level(level)
    return thumbnail._replace(level=level, dark=dark, bright=_retina_level(level, dark))


def _background_level(level: Mask) -> float:
    border = np.concatenate([level[0], level[-1], level[:, 0], level[:, -1]])
    return percentile(count_levels(border), 10)


def _retina_level(level: Mask, dark: float) -> float:
    """Return the median of the pixels that are clearly brighter than the background."""
    counts = count_levels(level)
    brightest = int(np.flatnonzero(counts)[-1])
    counts[: math.floor(dark + 0.08 * (brightest - dark)) + 1] = 0
    cumulative = counts.cumsum()
    total = int(cumulative[-1])
    if not total:
        return dark
    return float(np.searchsorted(cumulative, [(total - 1) // 2, total // 2], side="right").mean())


def _resize_channels(photo: Photo) -> tuple[list[Mask], float, float]:
    """Keep every n-th pixel, or enlarge n times. Return the channels, the factor and the shift."""
    shorter, longer = sorted(photo.shape[:2])
    if longer >= _MIN_PHOTO_SIDE:
        stride = max(1, min(longer // _MIN_LONGER_SIDE, shorter // _MIN_SHORTER_SIDE))
        start = stride // 2
        return _split_channels(photo[start::stride, start::stride]), stride, start
    times = math.ceil(_MIN_PHOTO_SIDE / longer)
    enlarged = cv2.resize(photo, None, fx=times, fy=times, interpolation=cv2.INTER_LINEAR)
    return _split_channels(np.asarray(enlarged, np.uint8)), 1 / times, 0.5 / times - 0.5


def _split_channels(colour: Photo) -> list[Mask]:
    """Return contiguous R, G and B, each (H, W). For strided pixels, cv2.split is much slower."""
    if colour.flags.c_contiguous:
        return [np.asarray(channel, np.uint8) for channel in cv2.split(colour)]
    return [np.ascontiguousarray(colour[:, :, channel]) for channel in range(3)]
