"""Ellipse of a field of view, fitted to outline points.

The field of view of a camera is a circle. If the pixels are not square, as in old video cameras and
in photographs that were resized to a square, the circle becomes an axis-aligned ellipse.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
# (N, 2) float64, x and y in pixels. Pixel centres have integer coordinates.
Points: TypeAlias = npt.NDArray[np.float64]

TOLERANCE = 1.5  # maximum distance of an inlier, in pixels
DIRECTIONS = np.arange(1.0, 360, 2)  # directions in which an ellipse is checked, in degrees

# 256 samples of four outline points, evenly distributed by a Kronecker sequence (powers of the root
# of x^5 = x + 1; Roberts 2018). No random numbers are used, so that the result does not depend on
# the version of NumPy.
_SAMPLES = np.outer(np.arange(1, 257), 1.1673039782614187 ** -np.arange(1.0, 5)) % 1
_VOTERS = 128  # number of outline points that are compared
_SUFFICIENT_CIRCLE_SHARE = 0.7  # if a circle has this share of inliers, no ellipse is fitted
_MIN_ELLIPSE_GAIN = 1.3  # minimum ratio of inliers of an ellipse to inliers of a circle
_MIN_ELLIPSE_COVERAGE = 0.3  # minimum share of the directions with outline points
_MIN_AXIS_RATIO = 0.5  # a 3:2 frame that was stretched to a square has 0.67
_MIN_SHAPE_COVERAGE = 0.8  # minimum share of the directions to refine the axis ratio


class FovEllipse(NamedTuple):
    """Axis-aligned ellipse, in pixels.

    Attributes:
        x: column of the centre.
        y: row of the centre.
        radius_x: horizontal half-axis.
        radius_y: vertical half-axis.
    """

    x: float
    y: float
    radius_x: float
    radius_y: float

    @property
    def radius(self) -> float:
        """Radius of the circle with the same area, in pixels."""
        return math.sqrt(self.radius_x * self.radius_y)

    def to_unit_circle(self, points: Points) -> tuple[Floats, Floats]:
        """Return x (N,) and y (N,) of points after mapping the ellipse to the unit circle."""
        return (points[:, 0] - self.x) / self.radius_x, (points[:, 1] - self.y) / self.radius_y

    def signed_distance(self, points: Points) -> Floats:
        """Return the distance of points in pixels, (N,). Positive outside; exact for a circle."""
        x, y = self.to_unit_circle(points)
        return np.asarray((np.hypot(x, y) - 1) * self.radius)

    def inliers(self, points: Points, tolerance: float = TOLERANCE) -> Points:
        """Return the points that are closer to the ellipse than the tolerance, in pixels."""
        return points[np.abs(self.signed_distance(points)) < tolerance]

    def points_at(self, degrees: Floats) -> Points:
        """Return the points of the ellipse in the given directions, (N, 2)."""
        angle = np.deg2rad(degrees)
        x = self.x + self.radius_x * np.cos(angle)
        return np.column_stack([x, self.y + self.radius_y * np.sin(angle)])

    def expanded(self, pixels: float) -> FovEllipse:
        """Return the ellipse with longer half-axes."""
        return FovEllipse(self.x, self.y, self.radius_x + pixels, self.radius_y + pixels)

    def moved(self, right: float, down: float) -> FovEllipse:
        """Return the ellipse at another position."""
        return self._replace(x=self.x + right, y=self.y + down)

    def covered_directions(self, points: Points) -> npt.NDArray[np.bool_]:
        """Return whether each 2-degree sector of DIRECTIONS contains a point, (180,) bool."""
        x, y = self.to_unit_circle(points)
        degrees = np.rad2deg(np.arctan2(y, x)) % 360
        return np.bincount((degrees / 2).astype(int), minlength=181)[:180] > 0

    def scaled(self, factor: float, shift: float) -> FovEllipse:
        """Return the ellipse after mapping each point p to p * factor + shift."""
        return FovEllipse(
            self.x * factor + shift,
            self.y * factor + shift,
            self.radius_x * factor,
            self.radius_y * factor,
        )


def fit_ellipse(outline: Points, min_radius: float, max_radius: float) -> FovEllipse | None:
    """Fit an ellipse by consensus (RANSAC) and refine it by least squares over its inliers.

    Args:
        outline: points in their order along the outline.
        min_radius: lower bound of the half-axes in pixels.
        max_radius: upper bound of the half-axes in pixels.

    Returns:
        Ellipse with the most inliers, or a circle if it has enough inliers; None if no sample gives
        a valid ellipse.
    """
    samples = outline[(_SAMPLES * len(outline)).astype(int)]
    best, share = _select_by_votes(_fit_circles(samples), outline, min_radius, max_radius)
    if share < _SUFFICIENT_CIRCLE_SHARE:
        candidates = _fit_ellipses(samples)
        ellipse, ellipse_share = _select_by_votes(candidates, outline, min_radius, max_radius)
        if ellipse and ellipse_share > _MIN_ELLIPSE_GAIN * share:
            coverage = ellipse.covered_directions(ellipse.inliers(outline)).mean()
            best = ellipse if coverage > _MIN_ELLIPSE_COVERAGE else best
    for tolerance in (2 * TOLERANCE, TOLERANCE, TOLERANCE):
        best = best and _refine(best, best.inliers(outline, tolerance))
    return best


def points_inside_frame(points: Points, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return True for each point outside the frame's 3-pixel border, (N,) bool."""
    x, y = points[:, 0], points[:, 1]
    return (x > 2) & (x < shape[1] - 3) & (y > 2) & (y < shape[0] - 3)


def _refine(ellipse: FovEllipse, points: Points) -> FovEllipse:
    """Fit an ellipse to nearby points. Keep the axis ratio if few directions are covered."""
    if len(points) < 10:
        return ellipse
    x, y = ellipse.to_unit_circle(points)
    refine_shape = ellipse.covered_directions(points).mean() > _MIN_SHAPE_COVERAGE
    squares = [x * x, y * y] if refine_shape else [x * x + y * y]
    system = np.column_stack([*squares, x, y])
    try:
        *square_factors, c, d = np.linalg.solve(system.T @ system, system.sum(axis=0)).tolist()
    except np.linalg.LinAlgError:
        return ellipse
    a, b = square_factors[0], square_factors[-1]
    if min(a, b) <= 0:
        return ellipse
    # Complete the squares in a x^2 + b y^2 + c x + d y = 1.
    rest = 1 + c * c / (4 * a) + d * d / (4 * b)
    return FovEllipse(
        float(ellipse.x - ellipse.radius_x * c / (2 * a)),
        float(ellipse.y - ellipse.radius_y * d / (2 * b)),
        ellipse.radius_x * math.sqrt(rest / a),
        ellipse.radius_y * math.sqrt(rest / b),
    )


def _select_by_votes(
    ellipses: Floats, outline: Points, min_radius: float, max_radius: float
) -> tuple[FovEllipse | None, float]:
    """Select the ellipse with the most inliers.

    Args:
        ellipses: (N, 4) x, y, radius_x, radius_y.
        outline: points to compare with the ellipses.
        min_radius: lower bound of the half-axes in pixels.
        max_radius: upper bound of the half-axes in pixels.

    Returns:
        Selected ellipse, and its share of inliers in the outline.
    """
    shorter, longer = ellipses[:, 2:].min(axis=1), ellipses[:, 2:].max(axis=1)
    valid = (shorter > min_radius) & (longer < max_radius) & (shorter > _MIN_AXIS_RATIO * longer)
    ellipses = ellipses[valid]
    if not len(ellipses):
        return None, 0.0
    voters = outline[:: max(1, len(outline) // _VOTERS)].astype(np.float32)
    x, y, radius_x, radius_y = ellipses.astype(np.float32).T[:, :, None]
    unit_distance = np.sqrt(
        ((voters[:, 0] - x) / radius_x) ** 2 + ((voters[:, 1] - y) / radius_y) ** 2
    )
    distance = (unit_distance - 1) * np.sqrt(radius_x * radius_y)
    votes = (np.abs(distance) < TOLERANCE).mean(axis=1)
    best = int(votes.argmax())
    return FovEllipse(*ellipses[best].tolist()), float(votes[best])


def _fit_circles(samples: Floats) -> Floats:
    """Fit circles through three points of each sample, except points on a line.

    Samples are (M, 4, 2), circles are (N, 4).
    """
    a, u, v = samples[:, 0], samples[:, 1] - samples[:, 0], samples[:, 2] - samples[:, 0]
    cross = 2 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    valid = np.abs(cross) > 1e-6
    a, u, v, cross = a[valid], u[valid], v[valid], cross[valid]
    uu, vv = (u**2).sum(axis=1), (v**2).sum(axis=1)
    x, y = (v[:, 1] * uu - u[:, 1] * vv) / cross, (u[:, 0] * vv - v[:, 0] * uu) / cross
    radius = np.hypot(x, y)
    return np.column_stack([a[:, 0] + x, a[:, 1] + y, radius, radius])


def _fit_ellipses(samples: Floats) -> Floats:
    """Fit ellipses through samples. Samples without an ellipse are skipped.

    Samples are (M, 4, 2), ellipses are (N, 4).
    """
    mean = samples.mean(axis=(0, 1))
    scale = samples.std()
    points = (samples - mean) / scale
    system = np.concatenate([points**2, points], axis=2)
    system = system[np.abs(np.linalg.det(system)) > 1e-6]
    a, b, c, d = np.linalg.solve(system, np.ones((len(system), 4, 1)))[:, :, 0].T
    # Complete the squares in a x^2 + b y^2 + c x + d y = 1.
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = -c / (2 * a), -d / (2 * b)
        rest = 1 + c * c / (4 * a) + d * d / (4 * b)
        radius_x, radius_y = np.sqrt(rest / a), np.sqrt(rest / b)
    ellipses = np.column_stack([x, y, radius_x, radius_y]) * scale
    ellipses[:, :2] += mean
    return np.asarray(ellipses[np.isfinite(ellipses).all(axis=1)])
