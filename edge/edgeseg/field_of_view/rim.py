"""Rim of a field of view, fitted to its mask."""

import cv2
import numpy as np

from edgeseg.field_of_view.ellipse import FovEllipse, fit_ellipse, points_inside_frame
from edgeseg.imaging.arrays import Mask

_OUTLINE_SIZE = 400  # longer side of the frame in pixels when the rim is fitted
_MIN_OUTLINE_POINTS = 30  # points that are required to fit the rim


def fit_rim(mask: Mask) -> FovEllipse | None:
    """Fit the rim of a field of view to its mask. Return None if no rim is visible."""
    scale = min(1.0, _OUTLINE_SIZE / max(mask.shape))
    size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
    small = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=len)[:, 0, :].astype(np.float64)
    outline = outline[points_inside_frame(outline, small.shape)]
    if len(outline) < _MIN_OUTLINE_POINTS:
        return None
    ellipse = fit_ellipse(outline, 0.1 * max(size), 2.0 * max(size))
    return None if ellipse is None else ellipse.scaled(1 / scale, 0)
