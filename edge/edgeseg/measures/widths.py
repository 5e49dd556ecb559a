"""Width of vessels across their centre line, with subpixel accuracy.

The edges are the positions on the normal at which the value falls below the threshold. The values
are the network's probability or a slightly blurred binary mask. The blur allows edge positions
between pixels.
"""

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask, Probability

Floats = npt.NDArray[np.float64]

BLUR = 0.5
"""Standard deviation in pixels of the Gaussian that blurs a binary mask."""

_STEP = 0.5  # distance between two samples on a normal, in pixels
_BEFORE, _BEYOND = 3.0, 4.0  # search range in pixels before and after the expected edge
_ROW = 1024  # maximum number of points per row; OpenCV limits the size of images


def blur_mask(mask: Mask) -> Probability:
    """Blur a mask, (H, W) uint8 {0, 255}, slightly. Return (H, W) float32, 0 to 1."""
    blurred = cv2.GaussianBlur(mask, (0, 0), BLUR)
    return np.asarray(np.multiply(blurred, np.float32(1 / 255), dtype=np.float32))


def measure_widths(
    values: Probability, threshold: float, points: Floats, directions: Floats, radii: Floats
) -> Floats:
    """Measure the width of a vessel at points of its centre line.

    Args:
        values: (H, W) float32, 0 to 1.
        threshold: value at the edge.
        points: (K, 2) float64, x and y in pixels.
        directions: (K, 2) float64, unit vectors along the centre line.
        radii: (K,) float64, expected distance between edge and centre line.

    Returns: (K,) float64, widths in pixels; NaN if an edge was not found.
    """
    normals = np.stack([-directions[:, 1], directions[:, 0]], 1)
    first = np.maximum(radii - _BEFORE, 0)
    sides = [
        _edge_distances(values, threshold, points, sign * normals, first) for sign in (1.0, -1.0)
    ]
    return np.asarray(sides[0] + sides[1])


def _edge_distances(
    values: Probability, threshold: float, points: Floats, normals: Floats, first: Floats
) -> Floats:
    """Return the distance at which the values fall below the threshold, or NaN."""
    samples = np.arange(0, _BEFORE + _BEYOND + _STEP / 2, _STEP)
    distances = first[:, None] + samples
    profile = _sample(
        values,
        points[:, 0, None] + normals[:, 0, None] * distances,
        points[:, 1, None] + normals[:, 1, None] * distances,
    )
    below = profile < threshold
    outer = below.argmax(1)
    found = (outer > 0) & below.any(1)
    outer = np.maximum(outer, 1)
    rows = np.arange(len(points))
    high, low = profile[rows, outer - 1], profile[rows, outer]
    share = np.divide(high - threshold, high - low, out=np.zeros(len(points)), where=found)
    return np.where(found, first + (outer - 1 + share) * _STEP, np.nan)


def _sample(values: Probability, x: Floats, y: Floats) -> npt.NDArray[np.float64]:
    """Interpolate values bilinearly at coordinates of any shape. Outside the image, return 0."""
    count = -(-x.size // _ROW) * _ROW
    maps = np.full((2, count), -2, np.float32)
    maps[0, : x.size], maps[1, : x.size] = x.ravel(), y.ravel()
    rows = maps.reshape(2, -1, _ROW)
    sampled = np.empty(rows[0].shape, np.float32)
    for top in range(0, len(sampled), _ROW):
        part = slice(top, top + _ROW)
        sampled[part] = cv2.remap(
            values, rows[0, part], rows[1, part], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
    return sampled.ravel()[: x.size].reshape(x.shape).astype(np.float64)
