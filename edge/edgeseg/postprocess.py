"""The network's probability -> back to the photograph's own size -> mask."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np

from edgeseg.arrays import Mask, Probability
from edgeseg.meanwhile import Meanwhile
from edgeseg.preprocess import Placement

_BAND = 64  # rows that the cache holds: worth more than the threads that OpenCV takes for larger parts


def to_frame(probability: Probability, placement: Placement, inside: Mask) -> Probability:
    """Probability (size, size) -> (H, W) float32 at the photograph's own size, 0 outside the field of view.

    Args:
        probability: (size, size) float32, 0 to 1, as the network gave it.
        placement: where the photograph's pixels were put.
        inside: (H, W) uint8 {0, 255}, the field of view.
    """
    source = placement.source
    frame: Probability = np.zeros(placement.frame, np.float32)
    seen, found = inside[source.rows, source.columns], frame[source.rows, source.columns]
    for rows, band in _bands(_tall(probability, placement), placement, _tops(placement)):
        np.copyto(found[rows], band, where=seen[rows] != 0)
    return frame


def to_mask(probability: Probability, placement: Placement, inside: Mask, threshold: float) -> Mask:
    """Probability (size, size) -> (H, W) uint8 {0, 255}: 255 where `to_frame` is at least `threshold`.

    Bit for bit `to_frame(...) >= threshold` inside the field of view, without the full-size probability.
    """
    source, least = placement.source, np.float32(threshold)
    frame: Mask = np.zeros(placement.frame, np.uint8)
    seen, found = inside[source.rows, source.columns], frame[source.rows, source.columns]
    tall, tops, threads = _tall(probability, placement), _tops(placement), max(1, cv2.getNumThreads())

    def some(first: int) -> None:
        for rows, band in _bands(tall, placement, tops[first::threads]):
            cv2.copyTo(seen[rows], (band >= least).view(np.uint8), found[rows])

    others = [Meanwhile(partial(some, first)) for first in range(1, min(threads, len(tops)))]
    some(0)
    for other in others:
        other.result()
    return frame


def _tall(probability: Probability, placement: Placement) -> Probability:
    """The probability at the source's height: down first, then across, in which the rows know nothing of each other."""
    source, target = placement.source, placement.target
    part = np.ascontiguousarray(probability[target.rows, target.columns])
    return part if source.height == target.height else _resized(part, target.width, source.height)


def _tops(placement: Placement) -> range:
    """First rows of the source's bands."""
    return range(0, placement.source.height, _BAND)


def _bands(tall: Probability, placement: Placement, tops: range) -> Iterator[tuple[slice, Probability]]:
    """Rows of the source and their probability, a band at a time, and a part of the photograph in memory at once."""
    width = placement.source.width
    for top in tops:
        band = tall[top : top + _BAND]
        yield (
            slice(top, top + len(band)),
            band if width == placement.target.width else _resized(band, width, len(band)),
        )


def _resized(part: Probability, width: int, height: int) -> Probability:
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
