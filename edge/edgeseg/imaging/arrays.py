"""Array types of the processing steps.

Photographs are always RGB. Only the functions that call OpenCV's codecs use BGR internally.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Photo: TypeAlias = npt.NDArray[np.uint8]  # (H, W, 3) uint8 RGB

Mask: TypeAlias = npt.NDArray[np.uint8]  # (H, W) uint8, 0 or 255

Probability: TypeAlias = npt.NDArray[np.float32]  # (H, W) float32, 0 to 1

_BAND_ROWS = 128  # few calls per image, and a band fits into the CPU cache


class Box(NamedTuple):
    """Rectangle in a photograph, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        """Slice for the first axis of the photograph."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """Slice for the second axis of the photograph."""
        return slice(self.left, self.left + self.width)


def is_large_image(shape: tuple[int, ...]) -> bool:
    """Return whether copies of an image are too large for a small board's memory.

    Callers then use a slower algorithm that requires less memory.

    Args:
        shape: height and width of the image in pixels; other axes are ignored.
    """
    return shape[0] * shape[1] > 2048 * 2048


def row_bands(height: int, band_rows: int = _BAND_ROWS) -> Iterator[slice]:
    """Split the rows of an image into bands, from top to bottom.

    Args:
        height: number of rows.
        band_rows: number of rows of a band.

    Yields:
        Slices for the first axis. The last band may be smaller.
    """
    for top in range(0, height, band_rows):
        yield slice(top, min(top + band_rows, height))
