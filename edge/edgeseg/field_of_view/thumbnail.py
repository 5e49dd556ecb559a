"""Photograph -> a small version of it, on which the field of view is searched."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from edgeseg.field_of_view.percentile import percentile
from edgeseg.imaging.arrays import Mask, Photo

_LONGER = 400  # pixels of the longer side, at least, unless the photograph is smaller
_NARROW = 16  # pixels of the shorter side, at least, likewise
_SMALL = 256  # a smaller photograph is enlarged, lest the smoothing eat it


class Thumbnail(NamedTuple):
    """A small version: colour, brightest channel without specks, and its level on background and retina.

    Its point p lies at p * factor + shift of the photograph.
    """

    colour: Photo
    level: Mask
    factor: float
    shift: float
    dark: float
    bright: float


def make_thumbnail(photo: Photo) -> Thumbnail:
    """Photograph (H, W, 3) uint8 RGB -> its sample."""
    (red, green, blue), factor, shift = _reduced(photo)
    level = np.asarray(cv2.medianBlur(np.maximum(np.maximum(red, green), blue), 5), np.uint8)
    dark = percentile(np.concatenate([level[0], level[-1], level[:, 0], level[:, -1]]), 10)
    colour = np.asarray(cv2.merge([red, green, blue]), np.uint8)
    return Thumbnail(colour, level, factor, shift, dark, _bright(level, dark))


def _bright(level: Mask, dark: float) -> float:
    """Median of what is clearly brighter than the background; counted by level, which is quicker than sorting."""
    counts = cv2.calcHist([level], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    brightest = int(np.flatnonzero(counts)[-1])
    counts[: math.floor(dark + 0.08 * (brightest - dark)) + 1] = 0
    upto = counts.cumsum()
    total = int(upto[-1])
    if not total:
        return dark
    middle = np.searchsorted(upto, [(total - 1) // 2, total // 2], side="right")
    return float(middle.mean())


def _reduced(photo: Photo) -> tuple[list[Mask], float, float]:
    """Every n-th pixel of R, G and B, or of a small photograph enlarged n times; factor and shift of its points."""
    shorter, longer = sorted(photo.shape[:2])
    if longer >= _SMALL:
        stride = max(1, min(longer // _LONGER, shorter // _NARROW))
        return _channels(photo[stride // 2 :: stride, stride // 2 :: stride]), stride, stride // 2
    times = math.ceil(_SMALL / longer)
    large = cv2.resize(photo, None, fx=times, fy=times, interpolation=cv2.INTER_LINEAR)
    return _channels(np.asarray(large, np.uint8)), 1 / times, 0.5 / times - 0.5


def _channels(colour: Photo) -> list[Mask]:
    """R, G and B (H, W); of every n-th pixel twice as fast as three bytes at a time."""
    return [np.ascontiguousarray(colour[:, :, channel]) for channel in range(3)]
