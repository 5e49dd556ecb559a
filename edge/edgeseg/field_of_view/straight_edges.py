"""Outline points -> the straight cuts of a field of view, as a camera's film gate or sensor makes them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from edgeseg.field_of_view.ellipse import TOLERANCE, Floats, FovEllipse, Points
from edgeseg.field_of_view.percentile import median

_SIDES = ((0.0, -1.0), (0.0, 1.0), (-1.0, 0.0), (1.0, 0.0))
_SLOPES = np.linspace(-0.1, 0.1, 41)  # STARE's cuts lean by up to 0.03
_SHORTEST = 0.15  # half chord, of the radius; a shorter one cuts off less than 0.1 % of the circle
_SUPPORT = 0.75  # of the chord must be outline
_ABOUT = 0.15  # as well supported


class StraightEdge(NamedTuple):
    """A straight cut: what lies further than `distance` pixels from the rim's centre, along (x, y), is not seen.

    `half` is half the length of the chord that it makes, `support` the share of the chord that is outline.
    """

    x: float
    y: float
    distance: float
    half: float
    support: float

    def chord(self, rim: FovEllipse, further: float) -> Points:
        """Points (N, 2) along the middle of the cut, one a pixel, so many pixels further out."""
        along = np.arange(-0.8 * self.half, 0.8 * self.half)[:, None] * (-self.y, self.x)
        return (rim.x, rim.y) + (self.distance + further) * np.array([self.x, self.y]) + along

    def beyond(self, rim: FovEllipse) -> Points:
        """Corners (4, 2) of a rectangle over all of the rim that lies beyond the cut."""
        out, along = np.array([self.x, self.y]), np.array([-self.y, self.x])
        far = 2 * max(rim.across, rim.down)
        steps = [(self.distance, -far), (self.distance, far), (far, far), (far, -far)]
        return np.array([(rim.x, rim.y) + s * out + t * along for s, t in steps])


def fit_straight_edges(outlines: list[Points], rim: FovEllipse) -> list[StraightEdge]:
    """The cut at the top, bottom, left and right, where there is one.

    Of several that are about as well supported, the innermost: glow beyond a cut has a straight end too.
    """
    cuts: list[StraightEdge] = []
    for side in _SIDES:
        found = [cut for cut in (_fit(outline, rim, side) for outline in outlines) if cut]
        best = max((cut.support for cut in found), default=0.0)
        good = [cut for cut in found if cut.support > best - _ABOUT]
        cuts += [min(good, key=lambda cut: cut.distance)] if good else []
    return cuts


def _fit(outline: Points, rim: FovEllipse, side: tuple[float, float]) -> StraightEdge | None:
    """The line, nearly square to `side`, on which most of the outline that lies inside the rim falls."""
    around = outline - (rim.x, rim.y)
    outward, along = around @ side, around @ (-side[1], side[0])
    deep, wide = (rim.down, rim.across) if side[0] == 0 else (rim.across, rim.down)
    inside = (outward > 0.3 * deep) & (rim.off(outline) < -TOLERANCE)
    if inside.sum() < 5:
        return None
    outward, along = outward[inside], along[inside]
    slope, height = _line(along, outward)
    on = np.abs(outward - slope * along - height) < TOLERANCE
    half = wide * math.sqrt(max(1 - (height / deep) ** 2, 0.0))
    support = len(set(np.round(along[on]).tolist())) / max(2 * half, 1.0)
    if half < _SHORTEST * wide or support < _SUPPORT:
        return None
    length = math.hypot(1.0, slope)
    x, y = (side[0] + slope * side[1]) / length, (side[1] - slope * side[0]) / length
    # A region's outermost pixel centres lie half a pixel inside its edge.
    return StraightEdge(x, y, (height + 0.5) / length, half, support)


def _line(along: Floats, outward: Floats) -> tuple[float, float]:
    """Slope and height of the line outward = slope * along + height that most points are on."""
    level = np.round(outward - _SLOPES[:, None] * along).astype(int)
    level -= level.min()
    heights = int(level.max()) + 3
    row = heights * np.arange(len(_SLOPES))[:, None]
    counts = np.bincount((level + row).ravel(), minlength=heights * len(_SLOPES)).reshape(
        len(_SLOPES), heights
    )
    three = counts[:, :-2] + counts[:, 1:-1] + counts[:, 2:]
    slope = float(_SLOPES[int(three.max(axis=1).argmax())])
    rest = outward - slope * along
    start = round(float(rest.min()))
    height = start + int(np.bincount(np.round(rest - start).astype(int).clip(0)).argmax())
    return slope, median(rest[np.abs(rest - height) < TOLERANCE])
