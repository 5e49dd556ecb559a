"""Rim, cuts and tabs found on the sample -> mask of the photograph."""

from __future__ import annotations

import cv2
import numpy as np

from edgeseg.field_of_view.ellipse import FovEllipse, Points
from edgeseg.field_of_view.straight_edges import StraightEdge
from edgeseg.field_of_view.thumbnail import Thumbnail
from edgeseg.imaging.arrays import Mask

_FRACTION = 4  # binary digits below the pixel


def render_ellipse(
    rim: FovEllipse,
    cuts: list[StraightEdge],
    region: Mask,
    sample: Thumbnail,
    shape: tuple[int, ...],
) -> Mask:
    """Rim and cuts, and the region's tabs beyond the rim, on the sample -> (H, W) mask."""
    mask = np.zeros(shape[:2], np.uint8)
    # The outline's pixel centres lie half a sample pixel inside; OpenCV draws half a pixel more than the polygon.
    edge = rim.grown(0.5).scaled(sample.factor, sample.shift).grown(-0.5)
    _fill(mask, edge.at(np.arange(0.0, 360.0, 0.5)), 255)
    for tab in _tabs(rim, region):
        _fill(mask, tab * sample.factor + sample.shift, 255)
    for cut in cuts:
        _fill(mask, cut.beyond(rim) * sample.factor + sample.shift, 0)
    return mask


def enlarge_region(region: Mask, shape: tuple[int, ...]) -> Mask:
    """Region of the sample -> (H, W) mask."""
    return np.asarray(
        cv2.resize(region, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST), np.uint8
    )


def _tabs(rim: FovEllipse, region: Mask) -> list[Points]:
    """Outlines of the small tabs by which cameras mark a picture's upper side: they show retina too."""
    beyond = region.copy()
    _fill(beyond, rim.at(np.arange(0.0, 360.0, 2.0)), 0)
    beyond = cv2.morphologyEx(beyond, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    if not cv2.countNonZero(beyond):
        return []
    contours, _ = cv2.findContours(beyond, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outlines = [contour[:, 0, :].astype(np.float64) for contour in contours]
    return [outline for outline in outlines if _is_tab(outline, rim)]


def _is_tab(outline: Points, rim: FovEllipse) -> bool:
    size, off = np.ptp(outline, axis=0).max(), rim.off(outline)
    return bool(size < 0.25 * rim.radius and 0.02 * rim.radius < off.max() < 0.15 * rim.radius)


def _fill(mask: Mask, polygon: Points, value: int) -> None:
    fixed = np.round(polygon * 2**_FRACTION).astype(np.int32)
    cv2.fillPoly(mask, [fixed], value, cv2.LINE_8, _FRACTION)
