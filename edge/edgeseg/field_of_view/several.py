"""Detection in photographs with several fields of view, or with bright pixels next to the field.

The round fields are located in the thumbnail. Then each field is detected separately in its own
part of the photograph (cell).
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from edgeseg.field_of_view.black_bands import trim_black_bands
from edgeseg.field_of_view.discs import locate_discs
from edgeseg.field_of_view.ellipse import FovEllipse
from edgeseg.field_of_view.field import FieldOfView, field_from_mask
from edgeseg.field_of_view.render import fill_ellipse
from edgeseg.field_of_view.round_field import RoundField, detect_round_field
from edgeseg.field_of_view.seams import HalfPlane
from edgeseg.field_of_view.separation import Disc, DiscGroup, separate_discs
from edgeseg.field_of_view.thresholding import threshold_candidates
from edgeseg.field_of_view.thumbnail import Thumbnail, make_thumbnail, renew_levels
from edgeseg.imaging.arrays import Box, Mask, Photo

_CELL_MARGIN = 0.04  # margin of a cell as a share of the radius
_MAX_CHANGE = 0.15  # maximum relative difference between the radii in thumbnail and cell


def detect_several(photo: Photo, thumbnail: Thumbnail, surround: Mask) -> list[FieldOfView]:
    """Detect every round field of view.

    Args:
        photo: (H, W, 3) uint8 RGB.
        thumbnail: thumbnail of the photograph.
        surround: (h, w) uint8, 255 for pixels of the light surround.

    Returns:
        Fields in any order; empty if no field is round.
    """
    fields: list[FieldOfView] = []
    for group in separate_discs(locate_discs(photo, without_surround(thumbnail, surround))):
        if len(group.discs) > 1:
            fields.append(_join_overlapping(group.discs, photo.shape))
        else:
            fields.append(_detect_alone(photo, group, thumbnail, surround))
    return fields


def without_surround(thumbnail: Thumbnail, surround: Mask) -> Thumbnail:
    """Return the thumbnail with a black surround. `surround` is (h, w) uint8 {0, 255}."""
    level = cv2.subtract(thumbnail.level, surround)
    return renew_levels(thumbnail, np.asarray(level, np.uint8))


def sort_fields(fields: Sequence[FieldOfView]) -> tuple[FieldOfView, ...]:
    """Sort fields as text is read: from left to right, row by row from top to bottom.

    A field belongs to a row if its centre is between the top and the bottom of the row's first
    field.
    """
    remaining = sorted(fields, key=lambda field: field.box.top)
    ordered: list[FieldOfView] = []
    while remaining:
        bottom = remaining[0].box.top + remaining[0].box.height
        row = [field for field in remaining if field.box.top + field.box.height / 2 < bottom]
        ordered += sorted(row, key=lambda field: field.box.left)
        remaining = [field for field in remaining if field not in row]
    return tuple(ordered)


def _detect_alone(
    photo: Photo, group: DiscGroup, thumbnail: Thumbnail, surround: Mask
) -> FieldOfView:
    """Detect the field of one disc in the cell around it."""
    ellipse = group.discs[0].ellipse
    wide = _make_cell(ellipse, group.sides, photo.shape)
    cell = trim_black_bands(photo[wide.rows, wide.columns])
    cell = cell._replace(left=wide.left + cell.left, top=wide.top + cell.top)
    crop = photo[cell.rows, cell.columns]
    small = _hide(
        make_thumbnail(crop), cell, thumbnail, _draw_visible(ellipse, thumbnail, surround)
    )
    found = detect_round_field(threshold_candidates(small), small)
    local = ellipse.moved(-cell.left, -cell.top)
    if found is None or not _are_similar(found, local):
        mask = np.zeros(crop.shape[:2], np.uint8)
        fill_ellipse(mask, local, 255)
        field = field_from_mask(mask, local)
    else:
        field = found.to_field_of_view(crop.shape)
    for side in group.sides:
        field.mask[~side.pixels(cell)] = 0
    return field.moved_to_frame(cell, photo.shape)


def _make_cell(ellipse: FovEllipse, sides: list[HalfPlane], shape: tuple[int, ...]) -> Box:
    """Return the box of a field with a narrow margin, limited by the lines between fields."""
    wide = ellipse.expanded(_CELL_MARGIN * ellipse.radius + 2)
    left = max(0, math.floor(wide.x - wide.radius_x))
    top = max(0, math.floor(wide.y - wide.radius_y))
    right = min(shape[1], math.ceil(wide.x + wide.radius_x) + 1)
    bottom = min(shape[0], math.ceil(wide.y + wide.radius_y) + 1)
    cell = Box(left, top, right - left, bottom - top)
    for side in sides:
        cell = side.clip(cell)
    return cell


def _draw_visible(ellipse: FovEllipse, thumbnail: Thumbnail, surround: Mask) -> Mask:
    """Return the mask of the pixels that may belong to a field, (h, w) uint8 {0, 255}."""
    visible = np.zeros_like(thumbnail.level)
    wide = ellipse.expanded(_CELL_MARGIN * ellipse.radius + thumbnail.factor)
    fill_ellipse(
        visible, wide.scaled(1 / thumbnail.factor, -thumbnail.shift / thumbnail.factor), 255
    )
    return np.asarray(cv2.subtract(visible, surround), np.uint8)


def _hide(small: Thumbnail, cell: Box, thumbnail: Thumbnail, visible: Mask) -> Thumbnail:
    """Set the levels of a cell's thumbnail to 0 outside the visible part of the photograph."""
    scale = small.factor / thumbnail.factor
    right = (cell.left + small.shift - thumbnail.shift) / thumbnail.factor
    down = (cell.top + small.shift - thumbnail.shift) / thumbnail.factor
    shown = cv2.warpAffine(
        visible,
        np.array([[scale, 0, right], [0, scale, down]]),
        small.level.shape[::-1],
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return renew_levels(small, np.asarray(cv2.bitwise_and(small.level, shown), np.uint8))


def _are_similar(found: RoundField, ellipse: FovEllipse) -> bool:
    return abs(found.radius - ellipse.radius) < _MAX_CHANGE * ellipse.radius


def _join_overlapping(discs: list[Disc], shape: tuple[int, ...]) -> FieldOfView:
    mask = np.zeros(shape[:2], np.uint8)
    for disc in discs:
        fill_ellipse(mask, disc.ellipse, 255)
    return field_from_mask(mask, overlapping=True)
