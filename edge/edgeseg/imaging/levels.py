"""Statistics of 8-bit pixels from their histogram, without sorting."""

import math
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask

LevelCounts: TypeAlias = npt.NDArray[np.int64]
"""Histogram of 8-bit pixels, (256,): number of pixels of each level."""


def count_levels(pixels: Mask, inside: Mask | None = None) -> LevelCounts:
    """Count the pixels of each level.

    Args:
        pixels: (H, W) uint8.
        inside: (H, W) uint8, nonzero for pixels to count; None for all pixels.
    """
    counts = cv2.calcHist([pixels], [0], inside, [256], [0, 256])
    return np.asarray(counts.ravel(), np.int64)


def percentile(counts: LevelCounts, percent: float) -> float:
    """Return a percentile of the counted pixels, interpolated like `np.percentile`.

    Args:
        counts: number of pixels per level. At least one pixel must have been counted.
        percent: 0 to 100.
    """
    cumulative = np.cumsum(counts)
    position = percent / 100 * (int(cumulative[-1]) - 1)
    nearest = [math.floor(position), math.ceil(position)]
    below, above = np.searchsorted(cumulative, nearest, side="right").tolist()
    return float(below + (above - below) * (position - nearest[0]))


def median(counts: LevelCounts) -> float:
    """Return the lowest level that at least half of the pixels do not exceed."""
    return float(np.searchsorted(np.cumsum(counts), counts.sum() / 2))


def mean_and_deviation(counts: LevelCounts) -> tuple[float, float]:
    """Return the mean and the standard deviation of the counted pixels."""
    levels = np.arange(256)
    mean = float(levels @ counts / counts.sum())
    variance = float((levels - mean) ** 2 @ counts / counts.sum())
    return mean, math.sqrt(variance)
