"""Large images that are processed in bands of rows, so that few copies are in memory."""

from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask, Probability, row_bands

_MAX_WHOLE_PIXELS = 1 << 24  # the values of 16 megapixels require 64 MB
_BAND_ROWS = 512
_BLUR_MARGIN = 8  # rows, more than the radius of the blur

BLUR = 0.5
"""Standard deviation in pixels of the Gaussian that blurs a binary mask."""


class ImageRows(Protocol):
    """Image with values from 0 to 1 that is read in bands of rows."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width in pixels."""

    def read(self, rows: slice) -> Probability:
        """Return some rows, (rows, W) float32. The slice has a start and a stop."""


class ArrayRows:
    """Rows of an array.

    Args:
        values: (H, W) float32, 0 to 1.
    """

    def __init__(self, values: Probability) -> None:
        self.shape = values.shape
        self._values = values

    def read(self, rows: slice) -> Probability:
        """Return some rows, (rows, W) float32, contiguous."""
        return np.ascontiguousarray(self._values[rows])


class BlurredMask:
    """Rows of a slightly blurred mask. The blur allows edge positions between pixels.

    Args:
        mask: (H, W) uint8 {0, 255}.
    """

    def __init__(self, mask: Mask) -> None:
        self.shape = mask.shape
        self._mask = mask

    def read(self, rows: slice) -> Probability:
        """Return some rows, (rows, W) float32, 0 to 1."""
        top = max(0, rows.start - _BLUR_MARGIN)
        blurred = cv2.GaussianBlur(self._mask[top : rows.stop + _BLUR_MARGIN], (0, 0), BLUR)
        values = blurred[rows.start - top : rows.stop - top]
        return np.asarray(np.multiply(values, np.float32(1 / 255), dtype=np.float32))


def split_image(shape: tuple[int, ...]) -> list[slice]:
    """Return the bands of rows in which an image is processed: all rows, or bands of 512 rows.

    Args:
        shape: height and width in pixels.
    """
    height, width = shape[:2]
    rows = height if height * width <= _MAX_WHOLE_PIXELS else _BAND_ROWS
    return list(row_bands(height, rows))


def select_rows(rows: npt.NDArray[np.generic], band: slice, height: int) -> npt.NDArray[np.int64]:
    """Return the indices of the positions in a band. The outer bands include positions outside.

    Args:
        rows: (N,) position of each point, in rows.
        band: band of `split_image`.
        height: height of the image.
    """
    is_selected = np.ones(len(rows), bool)
    if band.start > 0:
        is_selected &= rows >= band.start
    if band.stop < height:
        is_selected &= rows < band.stop
    return np.flatnonzero(is_selected)
