"""The rim of a field of view: outline points -> the circle that most of them lie on, and the straight cuts of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Points: TypeAlias = npt.NDArray[np.float64]
"""(N, 2) float64, x and y in pixels; pixel centres lie on whole numbers."""

TOLERANCE = 1.5
"""A point lies on a line that it misses by less, pixels."""

# Circles through three points this share of the outline apart, from 48 starts each: wide ones for a whole circle, narrow
# ones for an outline of which a short arc is the circle's. Regular, not random: equal photographs give equal circles.
_STARTS = 48
_SPACINGS = (1 / 3, 1 / 5, 1 / 8, 1 / 12)
_VOTERS = 150

_SLOPES = np.linspace(-0.1, 0.1, 41)  # STARE's cuts lean by up to 0.03
_SHORTEST_CHORD = 0.3  # of the radius; the piece that a shorter one cuts off is below 0.1 % of the circle
_CUT_SUPPORT = 0.6  # of the chord must be outline


@dataclass(frozen=True)
class Circle:
    """A circle, pixels."""

    x: float
    y: float
    radius: float

    def off(self, points: Points) -> npt.NDArray[np.float64]:
        """Signed distance of each point from the circle, pixels; positive outside."""
        return np.asarray(np.hypot(points[:, 0] - self.x, points[:, 1] - self.y) - self.radius)

    def on(self, points: Points) -> Points:
        """The points that lie on it."""
        return points[np.abs(self.off(points)) < TOLERANCE]

    def degrees(self, points: Points) -> npt.NDArray[np.float64]:
        """Direction of each point from the centre, 0 to 360, clockwise from the right as one looks at the photograph."""
        return np.asarray(np.rad2deg(np.arctan2(points[:, 1] - self.y, points[:, 0] - self.x)) % 360)

    def at(self, degrees: npt.NDArray[np.float64]) -> Points:
        """Its points in these directions."""
        angle = np.deg2rad(degrees)
        return np.column_stack([self.x + self.radius * np.cos(angle), self.y + self.radius * np.sin(angle)])

    def grown(self, pixels: float) -> Circle:
        """The concentric circle whose radius is larger by so much."""
        return Circle(self.x, self.y, self.radius + pixels)

    def scaled(self, factor: float, shift: float) -> Circle:
        """The same circle where a point p lies at p * factor + shift."""
        return Circle(self.x * factor + shift, self.y * factor + shift, self.radius * factor)


@dataclass(frozen=True)
class Cut:
    """A straight cut: what lies further than `distance` radii from the circle's centre, along (x, y), is not seen."""

    x: float
    y: float
    distance: float
    support: float


def fit_circle(outline: Points, smallest: float, largest: float) -> Circle | None:
    """Consensus of three-point circles, then least squares over the points that lie on the winner.

    Args:
        outline: Points in their order along the outline.
        smallest: Radius below which a circle does not count, pixels.
        largest: Radius above which a circle does not count, pixels.
    """
    circles = _through_three(outline)
    circles = circles[(circles[:, 2] > smallest) & (circles[:, 2] < largest)]
    if not len(circles):
        return None
    some = outline[:: max(1, len(outline) // _VOTERS)]
    distance = np.hypot(some[:, 0] - circles[:, :1], some[:, 1] - circles[:, 1:2])
    votes = (np.abs(distance - circles[:, 2:]) < TOLERANCE).sum(axis=1)
    x, y, radius = circles[int(votes.argmax())]
    circle = Circle(float(x), float(y), float(radius))
    for _ in range(3):
        circle = _least_squares(circle.on(outline)) or circle
    return circle


def fit_cuts(outlines: list[Points], circle: Circle) -> list[Cut]:
    """The best supported straight cut at the top, bottom, left and right, where there is one."""
    sides = [(0.0, -1.0), (0.0, 1.0), (-1.0, 0.0), (1.0, 0.0)]
    found = [[_fit_cut(outline, circle, side) for outline in outlines] for side in sides]
    best = [max((cut for cut in cuts if cut), key=lambda cut: cut.support, default=None) for cuts in found]
    return [cut for cut in best if cut]


def _through_three(outline: Points) -> npt.NDArray[np.float64]:
    """Circles (N, 3) x, y, radius through triples of outline points; triples on a line are left out."""
    first = np.arange(_STARTS) * len(outline) // _STARTS
    steps = np.array([max(1, round(len(outline) * share)) for share in _SPACINGS])
    index = (first[:, None, None] + steps[:, None] * np.arange(3)).reshape(-1, 3) % len(outline)
    a, b, c = outline[index[:, 0]], outline[index[:, 1]], outline[index[:, 2]]
    u, v = b - a, c - a
    cross = 2 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    keep = np.abs(cross) > 1e-6
    a, u, v, cross = a[keep], u[keep], v[keep], cross[keep]
    uu, vv = (u**2).sum(axis=1), (v**2).sum(axis=1)
    x, y = (v[:, 1] * uu - u[:, 1] * vv) / cross, (u[:, 0] * vv - v[:, 0] * uu) / cross
    return np.column_stack([a[:, 0] + x, a[:, 1] + y, np.hypot(x, y)])


def _least_squares(points: Points) -> Circle | None:
    """Circle by Kasa's algebraic fit (1976): 2 x p + 2 y q + s = x^2 + y^2 is linear in p, q and s."""
    if len(points) < 10:
        return None
    middle = points.mean(axis=0)
    around = points - middle
    design = np.column_stack([2 * around, np.ones(len(around))])
    p, q, s = np.linalg.lstsq(design, (around**2).sum(axis=1), rcond=None)[0]
    return Circle(float(p + middle[0]), float(q + middle[1]), math.sqrt(max(s + p * p + q * q, 0.0)))


def _fit_cut(outline: Points, circle: Circle, side: tuple[float, float]) -> Cut | None:
    """The line, nearly square to `side`, on which most of the outline that lies inside the circle falls."""
    around = outline - (circle.x, circle.y)
    outward, along = around @ side, around @ (-side[1], side[0])
    inside = (outward > 0.3 * circle.radius) & (circle.off(outline) < -TOLERANCE)
    if inside.sum() < 5:
        return None
    outward, along = outward[inside], along[inside]
    slope, height = _line(along, outward)
    on = np.abs(outward - slope * along - height) < TOLERANCE
    chord = 2 * math.sqrt(max(circle.radius**2 - height**2, 0.0))
    support = len(np.unique(np.round(along[on]))) / max(chord, 1.0)
    if chord < _SHORTEST_CHORD * circle.radius or support < _CUT_SUPPORT:
        return None
    length = math.hypot(1.0, slope)
    x, y = (side[0] + slope * side[1]) / length, (side[1] - slope * side[0]) / length
    # The outline's pixel centres lie half a pixel inside.
    return Cut(x, y, (height + 0.5) / length / (circle.radius + 0.5), support)


def _line(along: npt.NDArray[np.float64], outward: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Slope and height of the line outward = slope * along + height that most points are on."""
    level = np.round(outward - _SLOPES[:, None] * along).astype(int)
    level -= level.min()
    counts = [np.convolve(np.bincount(row, minlength=int(level.max()) + 1), (1, 1, 1), "same") for row in level]
    slope = float(_SLOPES[int(np.argmax([count.max() for count in counts]))])
    rest = outward - slope * along
    start = round(float(rest.min()))
    height = start + int(np.bincount(np.round(rest - start).astype(int)).argmax())
    return slope, float(np.median(rest[np.abs(rest - height) < TOLERANCE]))
