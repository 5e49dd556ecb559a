"""The network's probability -> back to the photograph's own size -> mask."""

from __future__ import annotations

import cv2
import numpy as np

from edgeseg.arrays import Mask, Probability
from edgeseg.preprocess import Placement

_BAND = 64  # rows


def to_frame(probability: Probability, placement: Placement, inside: Mask) -> Probability:
    """Probability (size, size) -> (H, W) float32 at the photograph's own size, 0 outside the field of view.

    Args:
        probability: (size, size) float32, 0 to 1, as the network gave it.
        placement: where the photograph's pixels were put.
        inside: (H, W) uint8 {0, 255}, the field of view.
    """
    source = placement.source
    part = _to_source(probability, placement)
    frame: Probability = np.zeros(placement.frame, np.float32)
    frame[source.rows, source.columns] = np.where(inside[source.rows, source.columns] != 0, part, np.float32(0))
    return frame


def to_mask(probability: Probability, placement: Placement, inside: Mask, threshold: float) -> Mask:
    """Probability (size, size) -> (H, W) uint8 {0, 255}: 255 where `to_frame` is at least `threshold`.

    Bit for bit `to_frame(...) >= threshold` inside the field of view, without the full-size probability.
    """
    source = placement.source
    part, least = _to_source(probability, placement), np.float32(threshold)
    frame: Mask = np.zeros(placement.frame, np.uint8)
    seen, found = inside[source.rows, source.columns], frame[source.rows, source.columns]
    for top in range(0, source.height, _BAND):  # so that a comparison is still in the cache when it is used
        rows = slice(top, top + _BAND)
        np.multiply(part[rows] >= least, seen[rows], out=found[rows])
    return frame


def _to_source(probability: Probability, placement: Placement) -> Probability:
    source, target = placement.source, placement.target
    part = np.ascontiguousarray(probability[target.rows, target.columns])
    if (source.width, source.height) == (target.width, target.height):
        return part
    resized = cv2.resize(part, (source.width, source.height), interpolation=cv2.INTER_LINEAR)
    return resized.astype(np.float32, copy=False)
