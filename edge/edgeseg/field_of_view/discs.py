"""Location of all round fields of view in a photograph."""

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.field_of_view import thresholding
from edgeseg.field_of_view.ellipse import DIRECTIONS, FovEllipse
from edgeseg.field_of_view.render import fill_ellipse
from edgeseg.field_of_view.seams import HalfPlane, find_seams
from edgeseg.field_of_view.separation import Disc
from edgeseg.field_of_view.thresholding import FovCandidate
from edgeseg.field_of_view.thumbnail import Thumbnail, renew_levels
from edgeseg.imaging.arrays import Box, Mask, Photo

_MAX_ATTEMPTS = 16
_MIN_RADIUS = 0.04  # minimum radius as a share of the frame's shorter side
_MIN_COVERED = 1 / 3  # minimum share of covered directions among the directions inside the seams
_MIN_FILLED = 0.55  # minimum bright share of a disc; lower in the remains of a removed field
_MIN_AREA = 0.015  # minimum area as a share of the largest field's area
_LIT_SHARE = 0.1  # share of the retina's brightness; darker pixels are not part of a field
_GLOW = 0.02  # width of the glow around a field, as a share of the radius


def locate_discs(photo: Photo, thumbnail: Thumbnail) -> list[Disc]:
    """Locate the round fields of view.

    The largest bright region is examined first. If it contains a round field, this field is
    removed. Otherwise the whole region is removed. Then the rest of the photograph is examined.

    Args:
        photo: (H, W, 3) uint8 RGB.
        thumbnail: thumbnail of the photograph without its light surround.

    Returns:
        Discs in any order; empty if no field is round.
    """
    discs: list[Disc] = []
    opening = max(5, min(thumbnail.level.shape) // 30 | 1)
    lit = thumbnail.dark + _LIT_SHARE * (thumbnail.bright - thumbnail.dark)
    smallest = 0.0  # minimum number of illuminated pixels
    for _ in range(_MAX_ATTEMPTS):
        if cv2.countNonZero((thumbnail.level > lit).view(np.uint8)) <= smallest:
            break
        candidates = thresholding.threshold_candidates(thumbnail, opening, _MIN_RADIUS)
        if not candidates:
            break
        best = thresholding.select_candidate(candidates, _without_lines(thumbnail, opening))
        removed = candidates[0].region
        if best is not None and best.ellipse is not None:
            ellipse = best.ellipse.scaled(thumbnail.factor, thumbnail.shift)
            seams = find_seams(photo, ellipse)
            removed = _draw_disc(best.ellipse, thumbnail, seams)
            if _is_field(best, removed, _directions_inside(ellipse, seams)):
                discs.append(Disc(ellipse, seams))
                smallest = max(smallest, _MIN_AREA * cv2.countNonZero(removed))
        level = cv2.subtract(thumbnail.level, removed)
        thumbnail = renew_levels(thumbnail, np.asarray(level, np.uint8))
    largest = max((disc.ellipse.radius for disc in discs), default=0.0)
    return [disc for disc in discs if disc.ellipse.radius**2 >= _MIN_AREA * largest**2]


def _without_lines(thumbnail: Thumbnail, width: int) -> Thumbnail:
    """Return the thumbnail without narrow bright lines, such as a circle around a field."""
    kernel = np.ones((width, width), np.uint8)
    level = cv2.morphologyEx(thumbnail.level, cv2.MORPH_OPEN, kernel)
    return thumbnail._replace(level=np.asarray(level, np.uint8))


def _draw_disc(ellipse: FovEllipse, thumbnail: Thumbnail, seams: list[HalfPlane]) -> Mask:
    """Draw a disc and its glow, limited by its seams, as (h, w) uint8 {0, 255}."""
    mask = np.zeros_like(thumbnail.level)
    fill_ellipse(mask, ellipse.expanded(2 + _GLOW * ellipse.radius), 255)
    for seam in seams:
        limit = (seam.limit - (seam.x + seam.y) * thumbnail.shift) / thumbnail.factor
        whole = Box(0, 0, thumbnail.level.shape[1], thumbnail.level.shape[0])
        mask[~seam._replace(limit=limit).pixels(whole)] = 0
    return mask


def _directions_inside(ellipse: FovEllipse, seams: list[HalfPlane]) -> npt.NDArray[np.bool_]:
    """Return whether the ellipse is inside all seams in each of DIRECTIONS, (180,) bool."""
    x, y = ellipse.points_at(DIRECTIONS).T
    inside = np.ones(len(DIRECTIONS), bool)
    for seam in seams:
        inside &= seam.x * x + seam.y * y < seam.limit
    return inside


def _is_field(candidate: FovCandidate, disc: Mask, inside: npt.NDArray[np.bool_]) -> bool:
    """Return whether a disc is a field rather than the remains of a removed field.

    Args:
        candidate: candidate with the ellipse of the disc.
        disc: (h, w) uint8, 255 inside the disc.
        inside: (180,) bool, directions in which the ellipse is inside all seams.
    """
    filled = cv2.countNonZero(cv2.bitwise_and(candidate.bright, disc))
    is_filled = filled > _MIN_FILLED * cv2.countNonZero(disc)
    return bool(is_filled and candidate.covered[inside].mean() > _MIN_COVERED)
