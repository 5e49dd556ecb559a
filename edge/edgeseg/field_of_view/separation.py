"""Separation of round fields by lines, and grouping of overlapping fields."""

from __future__ import annotations

import math
from itertools import combinations
from typing import NamedTuple

from edgeseg.field_of_view.ellipse import FovEllipse
from edgeseg.field_of_view.seams import HalfPlane

_MIN_OVERLAP = 0.08  # share of the smaller radius; a smaller overlap may be a fitting error


class Disc(NamedTuple):
    """Round field in a photograph.

    Attributes:
        ellipse: ellipse in the photograph.
        seams: half-planes that are bounded by seams and contain the field.
    """

    ellipse: FovEllipse
    seams: list[HalfPlane]


class DiscGroup(NamedTuple):
    """One disc, or several overlapping discs.

    Attributes:
        discs: the discs.
        sides: half-planes that separate the disc from other discs; empty for several discs.
    """

    discs: list[Disc]
    sides: list[HalfPlane]


def separate_discs(discs: list[Disc]) -> list[DiscGroup]:
    """Separate the discs of a photograph, and group overlapping discs."""
    groups = [DiscGroup([disc], []) for disc in discs]
    for first, second in combinations(discs, 2):
        side = _separate(first, second)
        if side is None:
            joined = [group for group in groups if first in group.discs or second in group.discs]
            groups = [group for group in groups if group not in joined]
            groups.append(DiscGroup([disc for group in joined for disc in group.discs], []))
            continue
        for group in groups:
            if group.discs[0] is first:
                group.sides.append(side)
            elif group.discs[0] is second:
                group.sides.append(side.opposite)
    return groups


def _separate(first: Disc, second: Disc) -> HalfPlane | None:
    """Return a half-plane that contains only the first disc, or None if the discs overlap.

    Circles may overlap if the frames of the photographs cut the fields. The fields are still
    separate if there is a seam between them.
    """
    a, b = first.ellipse, second.ellipse
    distance = math.hypot(b.x - a.x, b.y - a.y)
    overlap = a.radius + b.radius - distance
    if overlap < _MIN_OVERLAP * min(a.radius, b.radius):
        # This line goes through the intersections of two circles. It also separates circles that do
        # not intersect.
        x, y = (b.x - a.x) / distance, (b.y - a.y) / distance
        from_first = (distance**2 + a.radius**2 - b.radius**2) / (2 * distance)
        return HalfPlane(x, y, a.x * x + a.y * y + from_first)
    for seam in first.seams:
        if not seam.contains(b.x, b.y):
            return seam
    for seam in second.seams:
        if not seam.contains(a.x, a.y):
            return seam.opposite
    return None
