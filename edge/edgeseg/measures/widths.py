"""Width of vessels across their centre line, with subpixel accuracy.

The edges are the positions on the normal at which the value falls below the threshold. The values
are the network's probability or a slightly blurred binary mask. The blur allows edge positions
between pixels.
"""

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Probability
from edgeseg.measures.image_rows import ImageRows, select_rows, split_image

Floats = npt.NDArray[np.float64]
Coordinates = npt.NDArray[np.float32]

_STEP = 0.5  # distance between two samples on a normal, in pixels
_BEFORE, _BEYOND = 3.0, 4.0  # search range in pixels before and after the expected edge
_ROW = 1024  # maximum number of points per row; OpenCV limits the size of images
_MARGIN = 2  # rows above and below a band that are required for interpolation


def measure_widths(
    values: ImageRows, threshold: float, points: Floats, directions: Floats, radii: Floats
) -> Floats:
    """Measure the width of a vessel at points of its centre line.

    Args:
        values: image with the edges of the vessels.
        threshold: value at the edge.
        points: (K, 2) float64, x and y in pixels.
        directions: (K, 2) float64, unit vectors along the centre line.
        radii: (K,) float64, expected distance between edge and centre line.

    Returns:
        (K,) float64, widths in pixels; NaN if an edge was not found.
    """
    normals = np.stack([-directions[:, 1], directions[:, 0]], 1)
    first = np.maximum(radii - _BEFORE, 0)
    distances = first[:, None] + np.arange(0, _BEFORE + _BEYOND + _STEP / 2, _STEP)
    sides = [
        points[:, :, None] + sign * normals[:, :, None] * distances[:, None] for sign in (1.0, -1.0)
    ]
    profiles = _sample(values, [side.astype(np.float32) for side in sides])
    return np.asarray(sum(_edge_distances(profile, threshold, first) for profile in profiles))


def _edge_distances(profile: Floats, threshold: float, first: Floats) -> Floats:
    """Return the distance at which the values fall below the threshold, or NaN.

    Args:
        profile: (K, N) float64, values on the normal.
        threshold: value at the edge.
        first: (K,) float64, distance of the first value from the centre line.
    """
    below = profile < threshold
    outer = below.argmax(1)
    found = (outer > 0) & below.any(1)
    outer = np.maximum(outer, 1)
    rows = np.arange(len(first))
    high, low = profile[rows, outer - 1], profile[rows, outer]
    share = np.divide(high - threshold, high - low, out=np.zeros(len(first)), where=found)
    return np.where(found, first + (outer - 1 + share) * _STEP, np.nan)


def _sample(image: ImageRows, groups: list[Coordinates]) -> list[Floats]:
    """Interpolate values bilinearly. Outside the image, the values are 0.

    Args:
        image: image, which is read once.
        groups: (K, 2, N) float32, x and y of each point.

    Returns:
        (K, N) float64 for each group.
    """
    height = image.shape[0]
    sampled = [np.zeros((len(group), group.shape[2]), np.float32) for group in groups]
    for band in split_image(image.shape):
        top = max(0, band.start - _MARGIN)
        values = image.read(slice(top, min(band.stop + _MARGIN, height)))
        for group, result in zip(groups, sampled, strict=True):
            x, y = group[:, 0].ravel(), group[:, 1].ravel()
            selected = select_rows(y, band, height)
            result.ravel()[selected] = _sample_array(values, x[selected], y[selected] - top)
    return [result.astype(np.float64) for result in sampled]


def _sample_array(values: Probability, x: Coordinates, y: Coordinates) -> Probability:
    """Interpolate an array at N points. Outside the array, return 0."""
    count = -(-x.size // _ROW) * _ROW
    maps = np.full((2, count), -2, np.float32)
    maps[0, : x.size], maps[1, : x.size] = x, y
    rows = maps.reshape(2, -1, _ROW)
    sampled = np.empty(rows[0].shape, np.float32)
    for top in range(0, len(sampled), _ROW):
        part = slice(top, top + _ROW)
        sampled[part] = cv2.remap(
            values, rows[0, part], rows[1, part], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
    return sampled.ravel()[: x.size]
