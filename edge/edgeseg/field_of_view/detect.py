"""Detection of the field of view, which is the part of the frame that shows the retina.

The detection uses a thumbnail. The dark background is thresholded at several levels. An ellipse is
fitted to each outline, and the ellipse with the best coverage is selected. Then the straight edges
of the field are detected, and the result is drawn at the size of the photograph.

If there are bright pixels next to the field, or if no round field was found, light margins and
black bands are removed. Then the light surround is removed, and every round field is detected
separately in its own part of the photograph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgeseg.errors import PhotoError
from edgeseg.field_of_view import rejection, render, thresholding
from edgeseg.field_of_view.black_bands import trim_black_bands
from edgeseg.field_of_view.field import FieldOfView, field_from_mask
from edgeseg.field_of_view.margins import may_have_margin, trim_margins, without_margins
from edgeseg.field_of_view.round_field import detect_round_field
from edgeseg.field_of_view.several import detect_several, sort_fields, without_surround
from edgeseg.field_of_view.surround import find_light_surround
from edgeseg.field_of_view.thresholding import FovCandidate
from edgeseg.field_of_view.thumbnail import Thumbnail, make_thumbnail
from edgeseg.imaging.arrays import Box, Photo

__all__ = [
    "FieldOfView",
    "detect_fields",
    "detect_fov",
    "detect_retinas",
    "grey10",
    "largest_field",
    "whole_frame",
]

if TYPE_CHECKING:
    from edgeseg.preprocessing.config import PreprocessingConfig


def detect_fields(
    photo: Photo, config: PreprocessingConfig, name: str = "photograph"
) -> tuple[FieldOfView, ...]:
    """Detect the fields of view with the method of a model's preprocessing.

    Args:
        photo: (H, W, 3) uint8 RGB.
        config: preprocessing of the model.
        name: name of the photograph in error messages.

    Returns:
        At least one field of view. The order is from top to bottom and from left to right.

    Raises:
        PhotoError: No retina was detected.
    """
    if config.fov == "found":
        return detect_retinas(photo, name)
    if config.fov == "grey10":
        return (grey10(photo, name),)
    return (whole_frame(photo),)


def largest_field(fields: Sequence[FieldOfView]) -> FieldOfView:
    """Return the field of view whose mask has the most pixels."""
    return max(fields, key=lambda fov: fov.area)


def whole_frame(photo: Photo) -> FieldOfView:
    """Return the whole frame as the field of view.

    Args:
        photo: (H, W, 3) uint8 RGB.
    """
    return field_from_mask(np.full(photo.shape[:2], 255, np.uint8))


def grey10(photo: Photo, name: str = "photograph") -> FieldOfView:
    """Detect the field of view with the method of ResUNet-Deeper: the largest region above grey 10.

    ResUNet-Deeper applied OpenCV's BGR2GRAY to an RGB image: 0.114 R + 0.587 G + 0.299 B.

    Args:
        photo: (H, W, 3) uint8 RGB.
        name: name of the photograph in error messages.

    Raises:
        PhotoError: No pixel is brighter than 10.
    """
    region = thresholding.largest_region(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY) > 10)
    if region is None:
        raise PhotoError(
            f"{name}: no fundus found: no pixel is brighter than grey 10.", "no_fundus"
        )
    return field_from_mask(region)


def detect_fov(photo: Photo, name: str = "photograph") -> FieldOfView:
    """Detect the largest field of view of any shape.

    Args:
        photo: (H, W, 3) uint8 RGB.
        name: name of the photograph in error messages.

    Raises:
        PhotoError: The photograph does not show a fundus.
    """
    return largest_field(detect_retinas(photo, name))


def detect_retinas(photo: Photo, name: str = "photograph") -> tuple[FieldOfView, ...]:
    """Detect the fields of view: ellipses with optional straight edges, or a region of any shape.

    Args:
        photo: (H, W, 3) uint8 RGB.
        name: name of the photograph in error messages.

    Returns:
        At least one field of view, from top to bottom and from left to right. The whole frame if no
        background is visible.

    Raises:
        PhotoError: The photograph does not show a fundus.
    """
    thumbnail = make_thumbnail(photo)
    rejection.reject_blank(thumbnail, name)
    candidates = thresholding.threshold_candidates(thumbnail)
    found = detect_round_field(candidates, thumbnail)
    if found and found.is_alone and not may_have_margin(photo):
        return (found.to_field_of_view(photo.shape),)
    inner = trim_margins(photo)
    if (inner.height, inner.width) != photo.shape[:2]:
        return _detect_inside_margin(photo, inner, name)
    if found and found.is_alone:
        return (found.to_field_of_view(photo.shape),)
    return _detect_beside_other_parts(photo, thumbnail, candidates, name)


def _detect_inside_margin(photo: Photo, part: Box, name: str) -> tuple[FieldOfView, ...]:
    """Detect fields of view after removing the margins and black bands of a photograph."""
    bands = trim_black_bands(photo[part.rows, part.columns])
    inner = bands._replace(left=part.left + bands.left, top=part.top + bands.top)
    fields = detect_retinas(photo[inner.rows, inner.columns], name)
    moved = [field.moved_to_frame(inner, photo.shape) for field in fields]
    outer = without_margins(photo, part)
    return tuple(field.widened(part, outer) for field in moved)


def _detect_beside_other_parts(
    photo: Photo, thumbnail: Thumbnail, candidates: list[FovCandidate], name: str
) -> tuple[FieldOfView, ...]:
    """Detect several fields in one photograph, or a field that is not round."""
    surround = find_light_surround(thumbnail)
    has_surround = bool(surround.any())
    found = detect_round_field(candidates, thumbnail)
    several = detect_several(photo, thumbnail, surround)
    is_changed = has_surround or not found or len(several) > 1
    if several and (is_changed or several[0].overlapping):
        return sort_fields(several)
    if found:
        return (found.to_field_of_view(photo.shape),)
    if has_surround:
        thumbnail = without_surround(thumbnail, surround)
        candidates = thresholding.threshold_candidates(thumbnail)
    region = thresholding.irregular_region(candidates, thumbnail)
    rejection.reject_non_fundus(thumbnail, region, name)
    if region is None:
        return (whole_frame(photo),)
    return (field_from_mask(render.enlarge_region(region, photo.shape)),)
