"""The rim of a field of view: outline points -> the upright ellipse that most of them lie on.

A camera's stop is a circle; non-square pixels, as of old video cameras and of photographs resized to a square, make an
upright ellipse of it.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Points: TypeAlias = npt.NDArray[np.float64]
"""(N, 2) float64, x and y in pixels; pixel centres lie on whole numbers."""

TOLERANCE = 1.5
"""A point lies on a line that it misses by less, pixels."""
DIRECTIONS = np.arange(1.0, 360, 2)
"""Where the rim is looked at, degrees."""

# 256 triples and fours of outline points, spread evenly over all there are by a Kronecker sequence (powers of the
# root of x^5 = x + 1; Roberts 2018). No random numbers: equal photographs give equal rims, whatever NumPy's release.
_FOURS = np.outer(np.arange(1, 257), 1.1673039782614187 ** -np.arange(1.0, 5)) % 1
_VOTERS = 128
_ENOUGH = 0.7  # of the votes for a circle: no ellipse is tried
_MORE = 1.3  # times as many votes an ellipse needs, which has a parameter more to please the outline with
_SEEN = 0.3  # of the directions at least, for an ellipse
_FLATTEST = 0.5  # height to width or width to height; 3:2 stretched to a square makes 0.67
_ARC = 0.8  # of the directions must be outline before the rim's shape is told from it; from less it is kept


class FovEllipse(NamedTuple):
    """An upright ellipse, pixels."""

    x: float
    y: float
    across: float
    down: float

    @property
    def radius(self) -> float:
        """Radius of the circle of the same area, pixels."""
        return math.sqrt(self.across * self.down)

    def off(self, points: Points) -> Floats:
        """Signed distance of each point from the rim, pixels; positive outside; exact for a circle."""
        unit = (points - (self.x, self.y)) / (self.across, self.down)
        return np.asarray((np.hypot(unit[:, 0], unit[:, 1]) - 1) * self.radius)

    def near(self, points: Points, tolerance: float = TOLERANCE) -> Points:
        """The points that lie on it."""
        return points[np.abs(self.off(points)) < tolerance]

    def at(self, degrees: Floats) -> Points:
        """Its points (N, 2) in these directions."""
        angle = np.deg2rad(degrees)
        return np.column_stack(
            [self.x + self.across * np.cos(angle), self.y + self.down * np.sin(angle)]
        )

    def grown(self, pixels: float) -> FovEllipse:
        """The rim so many pixels further out."""
        return FovEllipse(self.x, self.y, self.across + pixels, self.down + pixels)

    def directions(self, points: Points) -> npt.NDArray[np.bool_]:
        """(180,) bool: in which of the DIRECTIONS there is a point."""
        unit = (points - (self.x, self.y)) / (self.across, self.down)
        degrees = np.rad2deg(np.arctan2(unit[:, 1], unit[:, 0])) % 360
        return np.bincount((degrees / 2).astype(int), minlength=181)[:180] > 0

    def scaled(self, factor: float, shift: float) -> FovEllipse:
        """The same rim where a point p lies at p * factor + shift."""
        return FovEllipse(
            self.x * factor + shift,
            self.y * factor + shift,
            self.across * factor,
            self.down * factor,
        )


def fit_ellipse(outline: Points, smallest: float, largest: float) -> FovEllipse | None:
    """The rim that most outline points lie on: consensus, then least squares over the points that lie on the winner.

    Args:
        outline: Points in their order along the outline.
        smallest: Radius below which a rim does not count, pixels.
        largest: Radius above which a rim does not count, pixels.
    """
    chosen = outline[(_FOURS * len(outline)).astype(int)]
    best, most = _vote(_circles(chosen), outline, smallest, largest)
    if most < _ENOUGH:
        ellipse, votes = _vote(_ellipses(chosen), outline, smallest, largest)
        seen = ellipse is not None and ellipse.directions(ellipse.near(outline)).mean() > _SEEN
        best = ellipse if seen and votes > _MORE * most else best
    for tolerance in (2 * TOLERANCE, TOLERANCE, TOLERANCE):
        best = best and _through(best.near(outline, tolerance), best)
    return best


def _through(points: Points, guess: FovEllipse) -> FovEllipse:
    """Least-squares rim through points near the guess; keeps the guess's shape where they cover too little of it."""
    if len(points) < 10:
        return guess
    x, y = ((points - (guess.x, guess.y)) / (guess.across, guess.down)).T
    if guess.directions(points).mean() > _ARC:
        a, b, c, d = np.linalg.lstsq(
            np.column_stack([x * x, y * y, x, y]), np.ones(len(x)), rcond=None
        )[0]
    else:
        a, c, d = np.linalg.lstsq(
            np.column_stack([x * x + y * y, x, y]), np.ones(len(x)), rcond=None
        )[0]
        b = a
    if min(a, b) <= 0:
        return guess
    # a x^2 + b y^2 + c x + d y = 1, completed to squares
    rest = 1 + c * c / (4 * a) + d * d / (4 * b)
    x, y = guess.x - guess.across * c / (2 * a), guess.y - guess.down * d / (2 * b)
    return FovEllipse(
        float(x), float(y), guess.across * math.sqrt(rest / a), guess.down * math.sqrt(rest / b)
    )


def points_inside_frame(points: Points, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Which points lie in the frame and not at its very edge, which cuts everything straight."""
    limit = np.array([shape[1] - 3, shape[0] - 3])
    return np.asarray(((points > 2) & (points < limit)).all(axis=-1))


def _vote(
    rims: Floats, outline: Points, smallest: float, largest: float
) -> tuple[FovEllipse | None, float]:
    """Of rims (N, 4) x, y, across, down the one that most of the outline lies on, and the share that does."""
    across, down = rims[:, 2], rims[:, 3]
    shorter, longer = np.minimum(across, down), np.maximum(across, down)
    rims = rims[(shorter > smallest) & (longer < largest) & (shorter > _FLATTEST * longer)]
    if not len(rims):
        return None, 0.0
    some = outline[:: max(1, len(outline) // _VOTERS)]
    x, y, across, down = (column[:, None] for column in rims.astype(np.float32).T)
    u, v = some.astype(np.float32).T
    off = (np.sqrt(((u - x) / across) ** 2 + ((v - y) / down) ** 2) - 1) * np.sqrt(across * down)
    votes = (np.abs(off) < TOLERANCE).mean(axis=1)
    best = int(votes.argmax())
    return FovEllipse(*rims[best].tolist()), float(votes[best])


def _circles(chosen: Floats) -> Floats:
    """Circles (N, 4) through the first three of chosen points (M, 4, 2); triples on a line are left out."""
    a, u, v = chosen[:, 0], chosen[:, 1] - chosen[:, 0], chosen[:, 2] - chosen[:, 0]
    cross = 2 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    keep = np.abs(cross) > 1e-6
    a, u, v, cross = a[keep], u[keep], v[keep], cross[keep]
    uu, vv = (u**2).sum(axis=1), (v**2).sum(axis=1)
    x, y = (v[:, 1] * uu - u[:, 1] * vv) / cross, (u[:, 0] * vv - v[:, 0] * uu) / cross
    radius = np.hypot(x, y)
    return np.column_stack([a[:, 0] + x, a[:, 1] + y, radius, radius])


def _ellipses(chosen: Floats) -> Floats:
    """Upright ellipses (N, 4) through chosen points (M, 4, 2); fours on none are left out."""
    middle = chosen.mean(axis=(0, 1))
    size = chosen.std()
    points = (chosen - middle) / size
    system = np.concatenate([points**2, points], axis=2)
    system = system[np.abs(np.linalg.det(system)) > 1e-6]
    a, b, c, d = np.linalg.solve(system, np.ones((len(system), 4, 1)))[:, :, 0].T
    # a x^2 + b y^2 + c x + d y = 1, completed to squares
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y, rest = -c / (2 * a), -d / (2 * b), 1 + c * c / (4 * a) + d * d / (4 * b)
        across, down = np.sqrt(rest / a), np.sqrt(rest / b)
    rims = np.column_stack([x, y, across, down]) * size
    rims[:, :2] += middle
    return np.asarray(rims[np.isfinite(rims).all(axis=1)])
