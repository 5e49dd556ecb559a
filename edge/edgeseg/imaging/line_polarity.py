"""Polarity (dark or bright) of the thin lines in an image.

At a line, the second derivative is large only perpendicular to the line. At a spot, the second
derivative is large in two directions. At an edge, it is small in all directions. The strongest
lines of a fundus photograph are the vessels, which are dark.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask

_SIGMA = 1.5  # pixels; a vessel is 1 to 5 pixels wide if the field is 256 pixels wide
_STRONGEST = 0.98  # quantile; vessels cover more than 2 % of a field
_ROUNDNESS = 2.0  # weight of the second derivative along the line


def measure_line_polarity(green: Mask, inside: Mask) -> float:
    """Measure the polarity of the strongest lines.

    Args:
        green: (h, w) uint8, a field of view about 256 pixels wide.
        inside: (h, w) uint8, nonzero for the pixels to measure (at least one).

    Returns:
        (dark - bright) / (dark + bright), -1 to 1, for the strengths of dark and bright lines. 0 if
        there are no lines. The sides of a dark line count as weaker bright lines. Therefore an
        image with only dark lines gives 0.2.
    """
    smooth = cv2.GaussianBlur(green.astype(np.float32), (0, 0), _SIGMA)
    xx, yy, xy = (cv2.Sobel(smooth, cv2.CV_32F, *order) for order in ((2, 0), (0, 2), (1, 1)))
    mean = (xx + yy) / 2
    deviation = cv2.magnitude((xx - yy) / 2, xy)
    largest, smallest = mean + deviation, mean - deviation  # eigenvalues of the Hessian matrix
    selected = inside > 0
    dark = _strength((largest - _ROUNDNESS * np.abs(smallest))[selected])
    bright = _strength((-smallest - _ROUNDNESS * np.abs(largest))[selected])
    return (dark - bright) / (dark + bright) if dark + bright else 0.0


def _strength(values: npt.NDArray[np.floating[Any]]) -> float:
    rank = int(_STRONGEST * (len(values) - 1))
    return max(0.0, float(np.partition(values, rank)[rank]))
