"""Photographs as a camera of fewer pixels takes them, and their vessels as an observer marks them there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edgeseg.datasets import DataSet, LoadedPair, Pair, Split
from edgeseg.imaging.arrays import Mask, Photo

# Whoever marks a photograph of few pixels draws whole ones, where a vessel covers a quarter to two fifths of them:
# coverage times a gain of 1.2 to 2.0 is half or more there.
LEAST_GAIN, MOST_GAIN = 1.2, 2.0
# A photograph of DRIVE's, the coarsest camera in use.
COARSE_WIDTH = 565


def reduced(photo: Photo, truth: Mask, size: tuple[int, int], gain: float) -> tuple[Photo, Mask]:
    """A photograph (H, W, 3) uint8 and its vessels (H, W) uint8 of 0 to 255, at `size` (width, height).

    Returns:
        The photograph, and coverage times `gain`, at most 255.
    """
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    coverage = cv2.resize(truth, size, interpolation=cv2.INTER_AREA)
    return small, cv2.convertScaleAbs(coverage, alpha=gain).astype(np.uint8, copy=False)


@dataclass(frozen=True)
class ReducedPair:
    """A pair as from a camera of `width` pixels; the pair itself where it has no more."""

    pair: Pair
    width: int = COARSE_WIDTH

    @property
    def name(self) -> str:
        """That of the pair."""
        return self.pair.name

    @property
    def split(self) -> Split | None:
        """That of the pair."""
        return self.pair.split

    def load(self) -> LoadedPair:
        """Load the pair and reduce it."""
        whole = self.pair.load()
        height, width = whole.truth.shape
        if width <= self.width:
            return whole
        size = (self.width, round(height * self.width / width))
        photo, wider = reduced(whole.photo, whole.truth, size, (LEAST_GAIN + MOST_GAIN) / 2)
        truth = cv2.threshold(wider, 127, 255, cv2.THRESH_BINARY)[1].astype(np.uint8, copy=False)
        fov = (
            None
            if whole.fov is None
            else cv2.resize(whole.fov, size, interpolation=cv2.INTER_NEAREST)
        )
        return LoadedPair(photo, truth, None if fov is None else fov.astype(np.uint8, copy=False))


def at_low_resolution(data_sets: Iterable[DataSet]) -> list[DataSet]:
    """The same data sets as from a camera of `COARSE_WIDTH` pixels across, named `NAME at 565`."""
    return [
        replace(
            data, name=f"{data.name} at {COARSE_WIDTH}", pairs=tuple(map(ReducedPair, data.pairs))
        )
        for data in data_sets
    ]
