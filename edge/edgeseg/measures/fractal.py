"""Fractal dimension D0 (capacity dimension) by box counting.

The number of boxes depends on the offset of the grid. The minimum over all offsets is used, because
it is closest to the smallest cover (Foroutan-pour et al. 1999).
"""

import cv2
import numpy as np

from edgeseg.imaging.arrays import Mask

_CELLS = 512  # maximum number of grid cells per diameter of the field of view
_BAND_ROWS = 256
SCALES = (256, 181, 128, 90.5, 64, 45.25, 32)
"""Box sizes as divisors of the field of view's diameter.

The ratio of adjacent sizes is about the square root of 2.
"""


def box_counting_dimension(mask: Mask, diameter: float) -> float | None:
    """Return the slope of log(number of boxes) over log(1 / box size).

    Args:
        mask: (H, W) uint8, nonzero for pixels of the object.
        diameter: diameter of the field of view in pixels.

    Returns:
        The dimension; None for an empty mask.
    """
    if not cv2.countNonZero(mask):
        return None
    cell = max(1, int(diameter / _CELLS))
    cells = _reduce(mask, cell)
    sizes = sorted({max(2, round(diameter / scale / cell)) for scale in SCALES})
    counts = [_count_boxes(cells, size) for size in sizes]
    slope = np.polyfit(np.log(sizes), np.log(counts), 1)[0]
    return max(0.0, -float(slope))


def _reduce(mask: Mask, cell: int) -> Mask:
    """Reduce the mask to one pixel per cell, nonzero if the cell contains a pixel of the object."""
    left, top, width, height = cv2.boundingRect(mask)
    figure = mask[top : top + height, left : left + width]
    rows = cell * max(1, _BAND_ROWS // cell)
    bands = [_reduce_band(figure[first : first + rows], cell) for first in range(0, height, rows)]
    return np.concatenate(bands)


def _reduce_band(band: Mask, cell: int) -> Mask:
    rows, columns = -band.shape[0] % cell, -band.shape[1] % cell
    padded = cv2.copyMakeBorder(band, 0, rows, 0, columns, cv2.BORDER_CONSTANT, value=0)
    occupied = cv2.dilate(padded, np.ones((cell, cell), np.uint8), anchor=(0, 0))
    return np.asarray(occupied[::cell, ::cell] != 0, np.uint8)


def _count_boxes(cells: Mask, size: int) -> int:
    """Return the minimum number of occupied boxes of `size` x `size` cells over all offsets."""
    height, width = cells.shape
    bottom, right = size + -height % size, size + -width % size
    padded = cv2.copyMakeBorder(cells, size, bottom, size, right, cv2.BORDER_CONSTANT, value=0)
    # After this step, a pixel is set if the box that starts at this pixel contains a set cell.
    occupied = cv2.dilate(padded, np.ones((size, size), np.uint8), anchor=(0, 0))
    rows = occupied.reshape(-1, size * occupied.shape[1]).sum(0, dtype=np.uint16)
    counts = rows.reshape(size, -1, size).sum(1, dtype=np.uint32)
    return int(counts.min())
