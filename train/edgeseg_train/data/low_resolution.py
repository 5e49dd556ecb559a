"""Validation photographs reduced to the resolution of a low-resolution camera."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edgeseg.datasets import DataSet, LoadedPair, Pair, Split
from edgeseg.imaging.arrays import Mask, Photo

MIN_VESSEL_GAIN = 1.2
# Range of the factor on vessel coverage.
# Observers mark whole pixels. In a low-resolution photograph they mark a pixel if the vessel
# covers a quarter to two fifths of it: there, coverage times the gain is one half or more.
MAX_VESSEL_GAIN = 2.0

# Width of a DRIVE photograph, the coarsest camera in use.
COARSE_WIDTH = 565


def reduce_photo(
    photo: Photo, truth: Mask, size: tuple[int, int], gain: float
) -> tuple[Photo, Mask]:
    """Reduce a photograph and its vessel mask.

    Args:
        photo: (H, W, 3) uint8.
        truth: (H, W) uint8, vessel coverage from 0 to 255.
        size: new width and height in pixels.
        gain: factor on the coverage.

    Returns:
        The photograph, and the coverage times `gain`, at most 255.
    """
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    coverage = cv2.resize(truth, size, interpolation=cv2.INTER_AREA)
    return small, cv2.convertScaleAbs(coverage, alpha=gain).astype(np.uint8, copy=False)


@dataclass(frozen=True)
class ReducedPair:
    """Pair of photograph and mask, reduced to a width; smaller photographs stay unchanged.

    Attributes:
        pair: original pair.
        width: width in pixels.
    """

    pair: Pair
    width: int = COARSE_WIDTH

    @property
    def name(self) -> str:
        """Name of the original pair."""
        return self.pair.name

    @property
    def split(self) -> Split | None:
        """Split of the original pair."""
        return self.pair.split

    def load(self) -> LoadedPair:
        """Load the original pair and reduce it."""
        original = self.pair.load()
        height, width = original.truth.shape
        if width <= self.width:
            return original
        size = (self.width, round(height * self.width / width))
        gain = (MIN_VESSEL_GAIN + MAX_VESSEL_GAIN) / 2
        photo, coverage = reduce_photo(original.photo, original.truth, size, gain)
        _, truth = cv2.threshold(coverage, 127, 255, cv2.THRESH_BINARY)
        fov = original.fov
        if fov is not None:
            fov = cv2.resize(fov, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
        return LoadedPair(photo, truth.astype(np.uint8, copy=False), fov)


def reduce_data_sets(data_sets: Iterable[DataSet]) -> list[DataSet]:
    """Return the data sets reduced to `COARSE_WIDTH` pixels, named `NAME at 565`."""
    return [
        replace(
            data_set,
            name=f"{data_set.name} at {COARSE_WIDTH}",
            pairs=tuple(map(ReducedPair, data_set.pairs)),
        )
        for data_set in data_sets
    ]
