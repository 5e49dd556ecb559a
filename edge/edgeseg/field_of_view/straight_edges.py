"""Straight edges of a field of view, where the film or the sensor of a camera ends."""

import math
from typing import NamedTuple

import numpy as np

from edgeseg.field_of_view.ellipse import TOLERANCE, Floats, FovEllipse, Points

_SIDES = ((0.0, -1.0), (0.0, 1.0), (-1.0, 0.0), (1.0, 0.0))  # top, bottom, left, right
_SLOPES = np.linspace(-0.1, 0.1, 41)  # STARE has slopes up to 0.03
_MIN_HALF_CHORD = 0.15  # share of the half-axis; shorter edges cut off less than 0.1 % of the area
_MIN_SUPPORT = 0.75  # share of the chord that outline points must cover
_SIMILAR_SUPPORT = 0.15


class StraightEdge(NamedTuple):
    """Straight edge of a field of view. Pixels outside this edge are dark.

    Attributes:
        x: horizontal component of the outward unit normal.
        y: vertical component of the outward unit normal.
        distance: distance of the edge from the centre in pixels.
        half_chord: half of the length of the edge inside the ellipse, in pixels.
        support: share of the edge that is covered by outline points.
    """

    x: float
    y: float
    distance: float
    half_chord: float
    support: float

    def chord_points(self, ellipse: FovEllipse, offset: float) -> Points:
        """Return points on the middle 80 % of the chord, moved outwards by the offset, (N, 2)."""
        steps = np.arange(-0.8 * self.half_chord, 0.8 * self.half_chord)[:, None]
        along = steps * (-self.y, self.x)
        return (
            (ellipse.x, ellipse.y) + (self.distance + offset) * np.array([self.x, self.y]) + along
        )

    def rectangle_beyond(self, ellipse: FovEllipse) -> Points:
        """Return the corners of a rectangle that covers the ellipse beyond the edge, (4, 2)."""
        outward, along = np.array([self.x, self.y]), np.array([-self.y, self.x])
        far = 2 * max(ellipse.radius_x, ellipse.radius_y)
        corners = [(self.distance, -far), (self.distance, far), (far, far), (far, -far)]
        return np.array([(ellipse.x, ellipse.y) + s * outward + t * along for s, t in corners])


def fit_straight_edges(outlines: list[Points], ellipse: FovEllipse) -> list[StraightEdge]:
    """Fit up to four straight edges: top, bottom, left and right.

    If several edges have similar support, the innermost edge is selected, because glow beyond the
    true edge also ends at a straight line.

    Args:
        outlines: outlines of the candidates.
        ellipse: ellipse of the field.
    """
    edges: list[StraightEdge] = []
    for side in _SIDES:
        valid = [edge for outline in outlines if (edge := _fit_edge(outline, ellipse, side))]
        best_support = max((edge.support for edge in valid), default=0.0)
        similar = [edge for edge in valid if edge.support > best_support - _SIMILAR_SUPPORT]
        if similar:
            edges.append(min(similar, key=lambda edge: edge.distance))
    return edges


def _fit_edge(
    outline: Points, ellipse: FovEllipse, side: tuple[float, float]
) -> StraightEdge | None:
    """Fit the line with the most outline points in the ellipse, nearly perpendicular to `side`."""
    centred = outline - (ellipse.x, ellipse.y)
    outward, along = centred @ side, centred @ (-side[1], side[0])
    radii = (ellipse.radius_x, ellipse.radius_y)
    depth, width = radii if side[1] == 0 else reversed(radii)
    inside = (outward > 0.3 * depth) & (ellipse.signed_distance(outline) < -TOLERANCE)
    if inside.sum() < 5:
        return None
    outward, along = outward[inside], along[inside]
    slope, height = _fit_line(along, outward)
    on_line = np.abs(outward - slope * along - height) < TOLERANCE
    half_chord = width * math.sqrt(max(1 - (height / depth) ** 2, 0.0))
    support = len(np.unique(np.round(along[on_line]))) / max(2 * half_chord, 1.0)
    if half_chord < _MIN_HALF_CHORD * width or support < _MIN_SUPPORT:
        return None
    length = math.hypot(1.0, slope)
    x, y = (side[0] + slope * side[1]) / length, (side[1] - slope * side[0]) / length
    # The outermost pixel centres of a region are half a pixel inside its edge.
    return StraightEdge(x, y, (height + 0.5) / length, half_chord, support)


def _fit_line(along: Floats, outward: Floats) -> tuple[float, float]:
    """Return the slope and height of the line `slope * along + height` with the most points."""
    levels = np.round(outward - _SLOPES[:, None] * along).astype(int)
    levels -= levels.min()
    bins = int(levels.max()) + 3
    first_bins = bins * np.arange(len(_SLOPES))[:, None]
    counts = np.bincount((levels + first_bins).ravel(), minlength=bins * len(_SLOPES))
    counts = counts.reshape(len(_SLOPES), bins)
    neighbour_sums = counts[:, :-2] + counts[:, 1:-1] + counts[:, 2:]
    slope = float(_SLOPES[int(neighbour_sums.max(axis=1).argmax())])
    residuals = outward - slope * along
    start = round(float(residuals.min()))
    height = start + int(np.bincount(np.round(residuals - start).astype(int).clip(0)).argmax())
    return slope, float(np.median(residuals[np.abs(residuals - height) < TOLERANCE]))
