"""Drawing of a detected field of view as a mask with the photograph's size."""

import cv2
import numpy as np

from edgeseg.field_of_view.ellipse import FovEllipse, Points
from edgeseg.field_of_view.straight_edges import StraightEdge
from edgeseg.field_of_view.thumbnail import Thumbnail
from edgeseg.imaging.arrays import Mask

_FRACTION_BITS = 4  # fraction bits of OpenCV's fixed-point coordinates


def render_ellipse(
    ellipse: FovEllipse,
    edges: list[StraightEdge],
    region: Mask,
    thumbnail: Thumbnail,
    shape: tuple[int, ...],
) -> Mask:
    """Draw an ellipse with its straight edges and tabs.

    Args:
        ellipse: ellipse of the field, in thumbnail pixels.
        edges: straight edges that cut the ellipse, in thumbnail pixels.
        region: mask of the field in the thumbnail, including small tabs beyond the ellipse.
        thumbnail: thumbnail, which defines the scale.
        shape: height and width of the photograph.

    Returns:
        (H, W) uint8, 255 inside.
    """
    mask = np.zeros(shape[:2], np.uint8)
    # The pixel centres of the outline are half a thumbnail pixel inside the edge. OpenCV draws half
    # a pixel beyond the polygon.
    scaled = ellipse.expanded(0.5).scaled(thumbnail.factor, thumbnail.shift).expanded(-0.5)
    _fill_polygon(mask, scaled.points_at(np.arange(0.0, 360.0, 0.5)), 255)
    for tab in _extract_tabs(ellipse, region):
        _fill_polygon(mask, tab * thumbnail.factor + thumbnail.shift, 255)
    for edge in edges:
        _fill_polygon(mask, edge.rectangle_beyond(ellipse) * thumbnail.factor + thumbnail.shift, 0)
    return mask


def fill_ellipse(mask: Mask, ellipse: FovEllipse, value: int) -> None:
    """Set the pixels inside an ellipse to a value. The mask is (h, w) uint8."""
    _fill_polygon(mask, ellipse.points_at(np.arange(0.0, 360.0, 2.0)), value)


def enlarge_region(region: Mask, shape: tuple[int, ...]) -> Mask:
    """Enlarge a mask of the thumbnail to the photograph's height and width."""
    return np.asarray(cv2.resize(region, shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def _extract_tabs(ellipse: FovEllipse, region: Mask) -> list[Points]:
    """Return the outlines of tabs: small parts beyond the ellipse that mark the top."""
    beyond = region.copy()
    fill_ellipse(beyond, ellipse, 0)
    beyond = cv2.morphologyEx(beyond, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    if not cv2.countNonZero(beyond):
        return []
    contours, _ = cv2.findContours(beyond, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outlines = (contour[:, 0, :].astype(np.float64) for contour in contours)
    return [outline for outline in outlines if _is_tab(outline, ellipse)]


def _is_tab(outline: Points, ellipse: FovEllipse) -> bool:
    size = np.ptp(outline, axis=0).max()
    height = ellipse.signed_distance(outline).max()
    radius = ellipse.radius
    return bool(size < 0.25 * radius and 0.02 * radius < height < 0.15 * radius)


def _fill_polygon(mask: Mask, polygon: Points, value: int) -> None:
    fixed_point = np.round(polygon * 2**_FRACTION_BITS).astype(np.int32)
    cv2.fillPoly(mask, [fixed_point], value, cv2.LINE_8, _FRACTION_BITS)
