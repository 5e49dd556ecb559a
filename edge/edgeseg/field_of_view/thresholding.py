"""Thresholding of a thumbnail at several levels, and selection of the field of view."""

from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.field_of_view.ellipse import (
    DIRECTIONS,
    FovEllipse,
    Points,
    fit_ellipse,
    points_inside_frame,
)
from edgeseg.field_of_view.straight_edges import StraightEdge, fit_straight_edges
from edgeseg.field_of_view.thumbnail import Thumbnail
from edgeseg.imaging.arrays import Mask

Contour: TypeAlias = npt.NDArray[np.int32]  # (N, 1, 2), x and y in pixels, as OpenCV returns it

_MAX_BACKGROUND = 0.4  # maximum brightness of the background as a share of the retina's brightness
_CLEARLY_ROUND = 0.95  # coverage and inlier share above which no other level is tried
# Thresholds between background (0) and retina (1), in order of preference. The first threshold
# agrees best with the published masks of DRIVE and HRF. Lower thresholds include a dark edge of the
# field. Higher thresholds exclude the glow around the fields of STARE.
_LEVELS = (0.18, 0.1, 0.25, 0.35, 0.5, 0.05)
# In an enlarged photograph, the edge of the field is blurred over the width of an original pixel.
# Levels near the middle of this blurred edge come first.
_LEVELS_ENLARGED = (0.35, 0.5, 0.25, 0.18, 0.1, 0.05)
_MIN_COVERAGE = 0.4  # share of the visible directions; irregular outlines reach 0.2
_MIN_RIM_CONTRAST = 0.4  # required loss of brightness at the edge; vignetting causes a loss of 0.2
_MIN_EDGE_CONTRAST = 0.5  # required loss at the edge of an irregular region


class FovCandidate(NamedTuple):
    """Largest region above one level.

    Attributes:
        bright: (H, W) uint8, 1 for each pixel above the level, except small spots and thin lines.
        region: (H, W) uint8, 255 inside the largest outline of the bright pixels.
        outline: outline of the region without the points at the edge of the frame.
        ellipse: ellipse fitted to the outline, or None.
        covered: (180,) bool, directions in which the outline is on the ellipse.
        coverage: share of the visible directions that are covered.
        inlier_share: share of the outline that is on the ellipse.
    """

    bright: Mask
    region: Mask
    outline: Points
    ellipse: FovEllipse | None
    covered: npt.NDArray[np.bool_]
    coverage: float = 0.0
    inlier_share: float = 0.0


def threshold_candidates(
    thumbnail: Thumbnail, opening: int = 5, min_radius: float = 0.15
) -> list[FovCandidate]:
    """Threshold a thumbnail at each level. Return one clearly round candidate, or all candidates.

    Args:
        thumbnail: thumbnail of the photograph.
        opening: maximum width in pixels of bright lines to remove.
        min_radius: lower bound of the radius as a share of the shorter side.
    """
    candidates: list[FovCandidate] = []
    contrast = thumbnail.bright - thumbnail.dark
    if thumbnail.dark > _MAX_BACKGROUND * thumbnail.bright:
        return candidates
    for share in _LEVELS if thumbnail.factor >= 1 else _LEVELS_ENLARGED:
        candidate = _threshold(
            thumbnail.level, thumbnail.dark + share * contrast, opening, min_radius
        )
        if candidate and min(candidate.coverage, candidate.inlier_share) > _CLEARLY_ROUND:
            return [candidate]
        candidates += [candidate] if candidate else []
    return candidates


def _threshold(
    level: Mask, threshold: float, opening: int, min_radius: float
) -> FovCandidate | None:
    kernel = np.ones((opening, opening), np.uint8)
    above = cv2.threshold(level, threshold, 1, cv2.THRESH_BINARY)[1]
    bright = np.asarray(cv2.morphologyEx(above, cv2.MORPH_OPEN, kernel), np.uint8)
    contour = _largest_contour(bright)
    if contour is None:
        return None
    region = _fill_contour(contour, level.shape)
    points = contour[:, 0, :].astype(np.float64)
    outline = points[points_inside_frame(points, level.shape)]
    bounds = min_radius * min(level.shape), 1.5 * max(level.shape)
    ellipse = fit_ellipse(outline, *bounds) if len(outline) > 30 else None
    if ellipse is None:
        return FovCandidate(bright, region, outline, None, np.zeros(180, bool))
    visible = points_inside_frame(ellipse.points_at(DIRECTIONS), level.shape)
    inliers = ellipse.inliers(outline)
    covered = ellipse.covered_directions(inliers) & visible
    coverage = covered.sum() / max(visible.sum(), 20)
    inlier_share = len(inliers) / len(outline)
    return FovCandidate(bright, region, outline, ellipse, covered, coverage, inlier_share)


def largest_region(bright: npt.NDArray[np.bool_]) -> Mask | None:
    """Return the largest outer contour of the bright pixels, filled with 255, or None."""
    contour = _largest_contour(bright.view(np.uint8))
    return None if contour is None else _fill_contour(contour, bright.shape)


def _largest_contour(bright: Mask) -> Contour | None:
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(max(contours, key=cv2.contourArea), np.int32) if contours else None


def _fill_contour(contour: Contour, shape: tuple[int, ...]) -> Mask:
    region = np.zeros(shape, np.uint8)
    cv2.drawContours(region, [contour], -1, 255, cv2.FILLED)
    return region


def select_candidate(candidates: list[FovCandidate], thumbnail: Thumbnail) -> FovCandidate | None:
    """Return the first candidate with a sharp rim and over 95 % of the largest coverage.

    If no candidate has a sharp rim, return None.
    """
    valid = [candidate for candidate in candidates if _has_sharp_rim(candidate, thumbnail)]
    most = max((candidate.covered.sum() for candidate in valid), default=0)
    return next((candidate for candidate in valid if candidate.covered.sum() > 0.95 * most), None)


def _has_sharp_rim(candidate: FovCandidate, thumbnail: Thumbnail) -> bool:
    ellipse = candidate.ellipse
    if ellipse is None or candidate.coverage <= _MIN_COVERAGE:
        return False
    directions = DIRECTIONS[candidate.covered]
    reach = _reach(ellipse)
    inner = ellipse.expanded(-reach).points_at(directions)
    outer = ellipse.expanded(reach).points_at(directions)
    return _is_sharp_transition(thumbnail, inner, outer)


def visible_straight_edges(
    ellipse: FovEllipse, candidates: list[FovCandidate], thumbnail: Thumbnail
) -> list[StraightEdge]:
    """Return those straight edges of the candidates where the brightness drops sharply."""
    reach = _reach(ellipse)
    edges = fit_straight_edges([candidate.outline for candidate in candidates], ellipse)
    return [
        edge
        for edge in edges
        if _is_sharp_transition(
            thumbnail, edge.chord_points(ellipse, -reach), edge.chord_points(ellipse, reach)
        )
    ]


def _reach(ellipse: FovEllipse) -> float:
    """Return the distance from the edge at which the brightness is compared, in pixels."""
    return max(3.0, 0.02 * ellipse.radius)


def _is_sharp_transition(thumbnail: Thumbnail, inner: Points, outer: Points) -> bool:
    """Return whether the brightness drops sharply, as at the edge of a field of view."""
    inside, outside = _levels_at(thumbnail.level, inner), _levels_at(thumbnail.level, outer)
    drop = np.sort((inside - outside) / np.maximum(inside - thumbnail.dark, 1))
    # np.median is not used, because its first call imports numpy.ma.
    middle = drop[[(len(drop) - 1) // 2, len(drop) // 2]].mean() if len(drop) else 0.0
    return bool(middle > _MIN_RIM_CONTRAST)


def _levels_at(level: Mask, points: Points) -> npt.NDArray[np.float64]:
    x, y = np.round(points).astype(int).T
    rows, columns = y.clip(0, level.shape[0] - 1), x.clip(0, level.shape[1] - 1)
    return np.asarray(level[rows, columns], np.float64)


def irregular_region(candidates: list[FovCandidate], thumbnail: Thumbnail) -> Mask | None:
    """Return the convex hull of a field that is not round, or None if no background is visible."""
    for candidate in candidates:
        region = candidate.region
        if (region > 0).mean() > 0.1 and _has_sharp_edge(region, thumbnail):
            hull = cv2.convexHull(cv2.findNonZero(region))
            return np.asarray(cv2.fillConvexPoly(np.zeros_like(region), hull, 255), np.uint8)
    return None


def _has_sharp_edge(region: Mask, thumbnail: Thumbnail) -> bool:
    kernel = np.ones((7, 7), np.uint8)
    inner, outer = cv2.erode(region, kernel, borderValue=255), cv2.dilate(region, kernel)
    core, halo = cv2.erode(inner, kernel, borderValue=255), cv2.dilate(outer, kernel)
    inside, outside = thumbnail.level[inner != core], thumbnail.level[halo != outer]
    if not inside.size or not outside.size:
        return False
    return bool(np.median(outside) < (1 - _MIN_EDGE_CONTRAST) * np.median(inside))
