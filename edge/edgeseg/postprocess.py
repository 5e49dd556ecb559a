"""Postprocessing: resizing of the network output to the photograph's size, and thresholding."""

import threading
from collections.abc import Iterator

import cv2
import numpy as np

from edgeseg.imaging.arrays import Box, Mask, Probability, is_large_image, row_bands
from edgeseg.preprocessing.prepare import Placement


class ResizeBuffer(threading.local):
    """Reusable memory for the resized probability, one buffer per thread.

    Without reuse, the page faults of new memory take longer than the computation.
    """

    def __init__(self) -> None:
        self._pixels = np.empty(0, np.float32)

    def reserve(self, width: int, height: int) -> Probability:
        """Return an uninitialized array, (height, width) float32. Valid until the next call."""
        if self._pixels.size < width * height:
            self._pixels = np.empty(width * height, np.float32)
        return self._pixels[: width * height].reshape(height, width)


def resize_to_photo(probability: Probability, placement: Placement, inside: Mask) -> Probability:
    """Resize the network output to the photograph's original size.

    Args:
        probability: (size, size) float32, 0 to 1, network output.
        placement: mapping between the photograph and the network input.
        inside: (H, W) uint8 {0, 255}, field of view.

    Returns:
        (H, W) float32, 0 to 1; 0 outside the field of view.
    """
    source = placement.source
    resized: Probability = np.zeros(placement.frame, np.float32)
    crop, inside_crop = resized[source.rows, source.columns], inside[source.rows, source.columns]
    for rows, part in _resize_in_bands(probability, placement, ResizeBuffer()):
        np.copyto(crop[rows], part, where=inside_crop[rows] != 0)
    return resized


def threshold_at_photo_size(
    probability: Probability,
    placement: Placement,
    inside: Mask,
    threshold: float,
    buffer: ResizeBuffer | None = None,
) -> Mask:
    """Resize the network output to the photograph's original size and threshold it.

    Inside the field of view, the result is identical to `resize_to_photo(...) >= threshold`. For a
    large photograph, only a part of the resized probability is in memory at a time.

    Args:
        probability: (size, size) float32, 0 to 1, network output.
        placement: mapping between the photograph and the network input.
        inside: (H, W) uint8 {0, 255}, field of view.
        threshold: vessel probability threshold.
        buffer: memory to reuse between photographs. It affects only the speed.

    Returns:
        (H, W) uint8 {0, 255}.
    """
    source = placement.source
    mask: Mask = np.zeros(placement.frame, np.uint8)
    crop, inside_crop = mask[source.rows, source.columns], inside[source.rows, source.columns]
    for rows, part in _resize_in_bands(probability, placement, buffer or ResizeBuffer()):
        cv2.copyTo(inside_crop[rows], (part >= np.float32(threshold)).view(np.uint8), crop[rows])
    return mask


class ResizedProbability:
    """Network output at the photograph's size, computed in bands of rows.

    Inside the field of view, the values are those of `resize_to_photo`.

    Args:
        probability: (size, size) float32, network output.
        placement: mapping between the photograph and the network input.
        inside: (H, W) uint8 {0, 255}, field of view.
        box: part of the photograph to read.
    """

    def __init__(
        self, probability: Probability, placement: Placement, inside: Mask, box: Box
    ) -> None:
        self.shape = (box.height, box.width)
        self._box = box
        self._source = placement.source
        self._inside = inside
        source = placement.source
        resized = _resize_vertically(probability, placement)
        if not is_large_image((source.height, source.width)):
            resized = _resize_into(resized, np.empty((source.height, source.width), np.float32))
        self._resized = resized

    def read(self, rows: slice) -> Probability:
        """Return some rows of the part, (rows, W) float32, 0 to 1; 0 outside the field of view."""
        box, source = self._box, self._source
        values: Probability = np.zeros((rows.stop - rows.start, box.width), np.float32)
        top, bottom = _overlap(
            (box.top + rows.start, box.top + rows.stop), (source.top, source.top + source.height)
        )
        left, right = _overlap(
            (box.left, box.left + box.width), (source.left, source.left + source.width)
        )
        if top >= bottom or left >= right:
            return values
        resized = self._resized[top - source.top : bottom - source.top]
        if resized.shape[1] != source.width:
            resized = _resize_into(resized, np.empty((len(resized), source.width), np.float32))
        first = box.top + rows.start
        np.copyto(
            values[top - first : bottom - first, left - box.left : right - box.left],
            resized[:, left - source.left : right - source.left],
            where=self._inside[top:bottom, left:right] != 0,
        )
        return values


def _overlap(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    return max(first[0], second[0]), min(first[1], second[1])


def _resize_in_bands(
    probability: Probability, placement: Placement, buffer: ResizeBuffer
) -> Iterator[tuple[slice, Probability]]:
    """Yield ranges of rows with their probability: all rows at once, or bands of a large image.

    For a small image, resizing all rows at once is faster.
    """
    width, height = placement.source.width, placement.source.height
    tall = _resize_vertically(probability, placement)
    if not is_large_image((height, width)):
        yield slice(0, height), _resize_into(tall, buffer.reserve(width, height))
        return
    for rows in row_bands(height):
        yield rows, _resize_into(tall[rows], buffer.reserve(width, rows.stop - rows.start))


def _resize_vertically(probability: Probability, placement: Placement) -> Probability:
    """Resize the network output of a large image vertically. Other outputs are only cropped.

    Then each band of rows can be resized horizontally, without the rows of other bands.
    """
    source, target = placement.source, placement.target
    part = np.ascontiguousarray(probability[target.rows, target.columns], np.float32)
    if not is_large_image((source.height, source.width)):
        return part
    return _resize_into(part, np.empty((source.height, target.width), np.float32))


def _resize_into(part: Probability, output: Probability) -> Probability:
    cv2.resize(part, output.shape[::-1], output, interpolation=cv2.INTER_LINEAR)
    return output
