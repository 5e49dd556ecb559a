"""Curves along the vessel segments: smoothing, arc length, resampling, curvature.

All points are stored in one array. Therefore each computation requires only a few array operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

_GROUP_POINTS = 1 << 21  # more than the curves of a photograph have
_REACH = 4  # radius of a Gaussian kernel, in standard deviations


class Steps(NamedTuple):
    """Steps between consecutive points of each curve.

    Attributes:
        middles: (K, 2) float64, x and y of the midpoint of each step.
        directions: (K, 2) float64, unit vectors.
        lengths: (K,) float64, in pixels.
        positions: (K,) float64, arc length from the start of the curve to the midpoint.
        owners: (K,) int64, curve of each step.
    """

    middles: Floats
    directions: Floats
    lengths: Floats
    positions: Floats
    owners: Indices


class Curves(NamedTuple):
    """Curves, stored in one array of points.

    Attributes:
        points: (M, 2) float64, x and y in pixels.
        counts: (S,) int64, number of points of each curve, at least 2.
        closed: (S,) bool, curves whose last point is equal to the first point.
    """

    points: Floats
    counts: Indices
    closed: Flags

    @property
    def starts(self) -> Indices:
        """Position of the first point of each curve, (S,) int64."""
        return np.cumsum(self.counts) - self.counts

    @property
    def ends(self) -> Indices:
        """Position of the last point of each curve, (S,) int64."""
        return np.cumsum(self.counts) - 1

    def owners(self) -> Indices:
        """Return the index of the curve of each point, (M,) int64."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def positions(self) -> Floats:
        """Return the arc length from the start of the curve at each point, (M,) float64."""
        steps = np.hypot(*np.diff(self.points, axis=0, prepend=self.points[:1]).T)
        steps[self.starts] = 0
        total = np.cumsum(steps)
        positions: Floats = total - np.repeat(total[self.starts], self.counts)
        return positions

    def lengths(self) -> Floats:
        """Return the arc length of each curve, (S,) float64."""
        return self.positions()[self.ends]

    def steps(self) -> Steps:
        """Return the steps of all curves."""
        inner = np.ones(len(self.points), bool)
        inner[self.ends] = False
        before = np.flatnonzero(inner)
        vectors = self.points[before + 1] - self.points[before]
        lengths = np.hypot(*vectors.T)
        directions = vectors / np.maximum(lengths, 1e-9)[:, None]
        middles = self.points[before] + vectors / 2
        positions = self.positions()[before] + lengths / 2
        return Steps(middles, directions, lengths, positions, self.owners()[before])

    def chords(self) -> Floats:
        """Return the distance between the ends of each curve, (S,) float64."""
        return np.asarray(np.hypot(*(self.points[self.ends] - self.points[self.starts]).T))

    def middles(self) -> Floats:
        """Return the midpoint of each curve, (S, 2). The points must be equally spaced."""
        first, second = (self.counts - 1) // 2, self.counts // 2
        total: Floats = self.points[self.starts + first] + self.points[self.starts + second]
        return total / 2

    def select(self, selected: Flags) -> Curves:
        """Return the selected curves."""
        kept = np.repeat(selected, self.counts)
        return Curves(self.points[kept], self.counts[selected], self.closed[selected])

    def smooth(self, sigma: float) -> Curves:
        """Smooth the curves with a Gaussian.

        The ends of open curves do not move, except for curves that are shorter than the radius of
        the kernel (4 sigma).

        Args:
            sigma: standard deviation in points. On a skeleton, the distance between points is 1 px,
                or the square root of 2 on diagonals.
        """
        if not len(self.counts):
            return self
        reach = max(1, round(_REACH * sigma))
        kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
        kernel /= kernel.sum()
        groups = [group._smooth(kernel, reach) for group in self._split(2 * reach)]
        return self._replace(points=np.concatenate(groups))

    def _smooth(self, kernel: Floats, reach: int) -> Floats:
        extended = self._extend(reach)
        kept = np.repeat(np.arange(len(self.counts)) * 2 * reach, self.counts)
        kept += np.arange(len(self.points))
        axes = [np.convolve(extended[:, axis], kernel, "valid")[kept] for axis in (0, 1)]
        return np.stack(axes, 1)

    def _split(self, margin: int) -> Iterator[Curves]:
        """Split the curves into groups with a limited number of points, which limits the memory.

        Args:
            margin: number of points that are added to each curve.
        """
        last_points = np.cumsum(self.counts + margin)
        first = 0
        for number in np.unique(last_points // _GROUP_POINTS):
            last = int(np.searchsorted(last_points // _GROUP_POINTS, number, "right"))
            start, end = self.starts[first], self.ends[last - 1] + 1
            group = slice(first, last)
            yield Curves(self.points[start:end], self.counts[group], self.closed[group])
            first = last

    def trim(self, from_start: Floats, from_end: Floats) -> Curves:
        """Shorten the curves at both ends.

        Closed curves are returned unchanged, and also curves that would be shorter than 2 pixels
        or have fewer than two points.

        Args:
            from_start: (S,) float64, arc length to remove at the start of each curve, in pixels.
            from_end: (S,) float64, arc length to remove at the end of each curve, in pixels.
        """
        positions, owners = self.positions(), self.owners()
        lengths = positions[self.ends]
        kept = (positions >= from_start[owners]) & (positions <= (lengths - from_end)[owners])
        counts = np.bincount(owners[kept], minlength=len(self.counts))
        too_short = (from_start + from_end >= lengths - 2) | (counts < 2)
        unchanged = too_short | self.closed
        kept |= unchanged[owners]
        return Curves(self.points[kept], np.where(unchanged, self.counts, counts), self.closed)

    def resample(self, step: float) -> Curves:
        """Return the curves with points at equal distances of about `step` pixels."""
        if not len(self.counts):
            return self
        positions = self.positions()
        lengths = positions[self.ends]
        steps = np.maximum(1, np.rint(lengths / step)).astype(np.int64)
        counts = steps + 1
        # All curves are interpolated in one call. A gap in the coordinate separates consecutive
        # curves.
        origins = np.cumsum(lengths + 1) - lengths
        rank = _rank_in_curve(counts)
        wanted = np.repeat(origins, counts) + rank * np.repeat(lengths / steps, counts)
        known = np.repeat(origins, self.counts) + positions
        axes = [np.interp(wanted, known, self.points[:, axis]) for axis in (0, 1)]
        return Curves(np.stack(axes, 1), counts, self.closed)

    def curvatures(self) -> Floats:
        """Return the curvature at each point in 1/px, (M,) float64; 0 at the ends of open curves.

        The points of a curve must be equally spaced.
        """
        before, after = self._neighbours()
        first, second = self.points[before], self.points[after]
        velocity = (second - first) / 2
        acceleration = second - 2 * self.points + first
        speed = np.hypot(*velocity.T)
        cross = velocity[:, 0] * acceleration[:, 1] - velocity[:, 1] * acceleration[:, 0]
        curvature = np.zeros(len(self.points))
        np.divide(cross, speed**3, out=curvature, where=speed > 0)
        return curvature

    def _neighbours(self) -> tuple[Indices, Indices]:
        """Return the indices of the points before and after each point on its curve."""
        here = np.arange(len(self.points))
        before, after = here - 1, here + 1
        starts, ends = self.starts, self.ends
        before[starts] = np.where(self.closed, ends - 1, starts)
        after[ends] = np.where(self.closed, starts + 1, ends)
        return before, after

    def _extend(self, reach: int) -> Floats:
        """Extend each curve by `reach` points.

        Open curves are reflected at their end points. If a curve is shorter than `reach`, the
        remaining points are equal to the last reflected point.
        """
        counts = np.repeat(self.counts, self.counts + 2 * reach)
        starts = np.repeat(self.starts, self.counts + 2 * reach)
        closed = np.repeat(self.closed, self.counts + 2 * reach)
        rank = _rank_in_curve(self.counts + 2 * reach) - reach
        last = counts - 1
        inside = np.clip(rank, 0, last)
        mirrored = np.clip(2 * inside - rank, 0, last)
        open_points = 2 * self.points[starts + inside] - self.points[starts + mirrored]
        around = self.points[starts + rank % np.maximum(last, 1)]
        return np.asarray(np.where(closed[:, None], around, open_points))


def smooth_known(values: Floats, owners: Indices, sigma: float) -> Floats:
    """Smooth the values along each curve with a Gaussian, ignoring NaN.

    Args:
        values: (K,) float64; NaN remains NaN.
        owners: (K,) int64, index of the curve of each value, ascending.
        sigma: standard deviation in values.
    """
    reach = max(1, round(_REACH * sigma))
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    known = ~np.isnan(values)
    place = np.arange(len(values)) + owners * reach  # a gap separates consecutive curves
    size = int(place.max(initial=0)) + len(kernel)
    total, weight = np.zeros((2, size))
    total[place[known]], weight[place[known]] = values[known], 1
    smooth = np.convolve(total, kernel, "same")[place[known]]
    smoothed = np.full(len(values), np.nan)
    smoothed[known] = smooth / np.convolve(weight, kernel, "same")[place[known]]
    return smoothed


def _rank_in_curve(counts: Indices) -> Indices:
    """Return 0, 1, 2, ... for the points of each curve."""
    starts = np.cumsum(counts) - counts
    return np.arange(counts.sum()) - np.repeat(starts, counts)
