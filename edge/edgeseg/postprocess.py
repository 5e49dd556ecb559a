"""The network's probability -> back to the photograph's own size -> mask."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from edgeseg.imaging.arrays import Mask, Probability, is_large_image, row_bands
from edgeseg.preprocessing.prepare import Placement


def resize_to_photo(probability: Probability, placement: Placement, inside: Mask) -> Probability:
    """Probability (size, size) -> (H, W) float32 at the photograph's own size, 0 outside the field of view.

    Args:
        probability: (size, size) float32, 0 to 1, as the network gave it.
        placement: where the photograph's pixels were put.
        inside: (H, W) uint8 {0, 255}, the field of view.
    """
    source = placement.source
    frame: Probability = np.zeros(placement.frame, np.float32)
    seen, found = inside[source.rows, source.columns], frame[source.rows, source.columns]
    for rows, part in _parts(probability, placement, ResizeBuffer()):
        np.copyto(found[rows], part, where=seen[rows] != 0)
    return frame


class ResizeBuffer:
    """Memory in which one photograph's probability makes room for the next one's.

    Fresh memory is given page by page when it is first written to, which takes longer than the arithmetic.
    """

    def __init__(self) -> None:
        self._pixels = np.empty(0, np.float32)

    def of(self, width: int, height: int) -> Probability:
        """(height, width) float32 that holds anything, until it is asked for again."""
        if self._pixels.size < width * height:
            self._pixels = np.empty(width * height, np.float32)
        return self._pixels[: width * height].reshape(height, width)


def threshold_at_photo_size(
    probability: Probability,
    placement: Placement,
    inside: Mask,
    threshold: float,
    scratch: ResizeBuffer | None = None,
) -> Mask:
    """Probability (size, size) -> (H, W) uint8 {0, 255}: 255 where `resize_to_photo` is at least `threshold`.

    Bit for bit `resize_to_photo(...) >= threshold` inside the field of view; the probability of a large photograph is never
    whole.

    Args:
        probability: (size, size) float32, 0 to 1, as the network gave it.
        placement: where the photograph's pixels were put.
        inside: (H, W) uint8 {0, 255}, the field of view.
        threshold: probability from which a pixel is vessel.
        scratch: to compute in; it changes nothing but the time.
    """
    source, least = placement.source, np.float32(threshold)
    frame: Mask = np.zeros(placement.frame, np.uint8)
    seen, found = inside[source.rows, source.columns], frame[source.rows, source.columns]
    for rows, part in _parts(probability, placement, scratch or ResizeBuffer()):
        cv2.copyTo(seen[rows], (part >= least).view(np.uint8), found[rows])
    return frame


def _parts(
    probability: Probability, placement: Placement, scratch: ResizeBuffer
) -> Iterator[tuple[slice, Probability]]:
    """Rows of the source and their probability: all at once, or a band at a time and only that in memory.

    Bands go down first, then across, in which rows know nothing of each other; all at once is quicker.
    """
    width, height = placement.source.width, placement.source.height
    part = np.ascontiguousarray(
        probability[placement.target.rows, placement.target.columns], np.float32
    )
    if not is_large_image((height, width)):
        yield slice(0, height), _resized(part, scratch.of(width, height))
        return
    tall = _resized(part, np.empty((height, placement.target.width), np.float32))
    for rows in row_bands(height):
        yield rows, _resized(tall[rows], scratch.of(width, rows.stop - rows.start))


def _resized(part: Probability, to: Probability) -> Probability:
    cv2.resize(part, (to.shape[1], to.shape[0]), to, interpolation=cv2.INTER_LINEAR)
    return to
