"""Names for the arrays that travel between steps.

A photograph is RGB; BGR exists only inside `edgeseg.imaging.photo`, around OpenCV's codecs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Photo: TypeAlias = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""

Mask: TypeAlias = npt.NDArray[np.uint8]
"""(H, W) uint8, 0 or 255."""

Probability: TypeAlias = npt.NDArray[np.float32]
"""(H, W) float32, 0 to 1."""

_ROWS = 128


class Box(NamedTuple):
    """A rectangle of whole pixels in a photograph."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        """Slice over the photograph's first axis."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """Slice over the photograph's second axis."""
        return slice(self.left, self.left + self.width)


def is_large_image(frame: tuple[int, ...]) -> bool:
    """Whether copies of so many pixels (height, width) weigh on a board's memory, so that slower ways are taken."""
    return frame[0] * frame[1] > 2048 * 2048


def row_bands(height: int) -> Iterator[slice]:
    """Rows from the top, some at a time: few calls, and few enough rows for a cache."""
    for top in range(0, height, _ROWS):
        yield slice(top, min(top + _ROWS, height))
