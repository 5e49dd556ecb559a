"""A sample split into retina and background at several levels, and the split whose outline is a rim."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.field_of_view import ellipse as rims
from edgeseg.field_of_view import straight_edges
from edgeseg.field_of_view.ellipse import FovEllipse, Points
from edgeseg.field_of_view.percentile import median
from edgeseg.field_of_view.straight_edges import StraightEdge
from edgeseg.field_of_view.thumbnail import Thumbnail
from edgeseg.imaging.arrays import Mask

Contour: TypeAlias = npt.NDArray[np.int32]
"""(N, 1, 2), x and y in pixels, as OpenCV gives it."""

_BLACK = 0.4  # of the light on the retina, at most, counts as background
_ROUND = 0.95  # of the visible rim and of the outline: no other split is tried
# Where to split, as a share of the way from background to retina. The preferred one first: it agrees best with the
# published masks of DRIVE and HRF; lower ones keep a dark rim, higher ones leave out the glow around STARE's circles.
_SHARES = (0.18, 0.1, 0.25, 0.35, 0.5, 0.05)
# An enlarged photograph's rim is as wide as the pixels were: its middle first.
_SHARES_ENLARGED = (0.35, 0.5, 0.25, 0.18, 0.1, 0.05)
_FOLLOWED = 0.4  # of the visible rim, at least; ragged outlines reach 0.2
_SHARP = 0.4  # of the light at the rim, at least, is gone just outside; vignetting loses 0.2
_SET_OFF = 0.5  # of the light inside a ragged edge, at least, is gone just outside


class FovCandidate(NamedTuple):
    """The largest region above one level, its outline within the frame, and the rim that fits it.

    `hits` (180,) tells in which directions the outline lies on the rim, `followed` is their share of the visible ones,
    `following` the share of the outline that lies on the rim.
    """

    region: Mask
    outline: Points
    rim: FovEllipse | None
    hits: npt.NDArray[np.bool_]
    followed: float = 0.0
    following: float = 0.0


def threshold_candidates(sample: Thumbnail) -> list[FovCandidate]:
    """The sample split at each level; the rest is spared once a rim is followed nearly all the way round."""
    splits: list[FovCandidate] = []
    if sample.dark > _BLACK * sample.bright:
        return splits
    for share in _SHARES if sample.factor >= 1 else _SHARES_ENLARGED:
        split = _split_at(sample.level, sample.dark + share * (sample.bright - sample.dark))
        if split and min(split.followed, split.following) > _ROUND:
            return [split]
        splits += [split] if split else []
    return splits


def _split_at(level: Mask, threshold: float) -> FovCandidate | None:
    opened = cv2.morphologyEx(
        (level > threshold).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)
    )
    contour = _largest_contour(np.asarray(opened, np.uint8))
    if contour is None:
        return None
    region, outline = _filled(contour, level.shape), _within(contour, level.shape)
    shorter, longer = sorted(level.shape)
    rim = rims.fit_ellipse(outline, 0.15 * shorter, 1.5 * longer) if len(outline) > 30 else None
    if rim is None:
        return FovCandidate(region, outline, None, np.zeros(180, bool))
    visible = rims.points_inside_frame(rim.at(rims.DIRECTIONS), level.shape)
    near = rim.near(outline)
    hits = rim.directions(near) & visible
    return FovCandidate(
        region, outline, rim, hits, hits.sum() / max(visible.sum(), 20), len(near) / len(outline)
    )


def largest_region(bright: npt.NDArray[np.bool_]) -> Mask | None:
    """The largest outer contour of the bright pixels, filled with 255."""
    contour = _largest_contour(bright.view(np.uint8))
    return None if contour is None else _filled(contour, bright.shape)


def _largest_contour(bright: Mask) -> Contour | None:
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(max(contours, key=cv2.contourArea), np.int32) if contours else None


def _filled(contour: Contour, shape: tuple[int, ...]) -> Mask:
    region = np.zeros(shape, np.uint8)
    cv2.drawContours(region, [contour], -1, 255, cv2.FILLED)
    return region


def _within(contour: Contour, shape: tuple[int, ...]) -> Points:
    """The contour in order, without what the frame's edge cut."""
    points = contour[:, 0, :].astype(np.float64)
    return points[rims.points_inside_frame(points, shape)]


def best_candidate(splits: list[FovCandidate], sample: Thumbnail) -> FovCandidate | None:
    """The split whose rim is followed furthest and is one; an earlier one that is nearly as good comes first."""
    good = [split for split in splits if split.followed > _FOLLOWED and _has_rim(split, sample)]
    most = max((split.hits.sum() for split in good), default=0)
    return next((split for split in good if split.hits.sum() > 0.95 * most), None)


def _has_rim(split: FovCandidate, sample: Thumbnail) -> bool:
    if split.rim is None:
        return False
    at, reach = rims.DIRECTIONS[split.hits], _reach(split.rim)
    return _ends(sample, split.rim.grown(-reach).at(at), split.rim.grown(reach).at(at))


def straight_edges_of(
    rim: FovEllipse, splits: list[FovCandidate], sample: Thumbnail
) -> list[StraightEdge]:
    """The straight cuts of a rim at which the light ends."""
    cuts = straight_edges.fit_straight_edges([split.outline for split in splits], rim)
    reach = _reach(rim)
    return [cut for cut in cuts if _ends(sample, cut.chord(rim, -reach), cut.chord(rim, reach))]


def _reach(rim: FovEllipse) -> float:
    """How far inside and outside the rim to compare the light, pixels."""
    return max(3.0, 0.02 * rim.radius)


def _ends(sample: Thumbnail, inner: Points, outer: Points) -> bool:
    """Whether the light ends between, as at a camera's stop, instead of fading, as in a frame without background."""
    inside, outside = _levels(sample.level, inner), _levels(sample.level, outer)
    return median((inside - outside) / np.maximum(inside - sample.dark, 1)) > _SHARP


def _levels(level: Mask, points: Points) -> npt.NDArray[np.float64]:
    x, y = np.round(points).astype(int).T
    return np.asarray(
        level[np.clip(y, 0, level.shape[0] - 1), np.clip(x, 0, level.shape[1] - 1)], np.float64
    )


def irregular_region(splits: list[FovCandidate], sample: Thumbnail) -> Mask | None:
    """The hull of a field that is not round; None where no background is set off."""
    region = next(
        (s.region for s in splits if (s.region > 0).mean() > 0.1 and _is_set_off(s.region, sample)),
        None,
    )
    if region is None:
        return None
    hull = cv2.convexHull(cv2.findNonZero(region))
    return np.asarray(cv2.fillConvexPoly(np.zeros_like(region), hull, 255), np.uint8)


def _is_set_off(region: Mask, sample: Thumbnail) -> bool:
    """Whether most of the light inside the region's edge is gone just outside it."""
    step = np.ones((7, 7), np.uint8)
    inner, outer = cv2.erode(region, step, borderValue=255), cv2.dilate(region, step)
    core, halo = cv2.erode(inner, step, borderValue=255), cv2.dilate(outer, step)
    inside, outside = sample.level[inner != core], sample.level[halo != outer]
    return bool(
        inside.size and outside.size and np.median(outside) < (1 - _SET_OFF) * np.median(inside)
    )
