"""Photograph -> field of view: the part of the frame in which the camera saw the retina.

Searched on a small version (`edgeseg.fov`): split off the dark background at several levels, fit a rim to each outline,
keep the one that is followed best, find where the camera cut it straight, draw it at the photograph's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edgeseg.errors import PhotoError
from edgeseg.field_of_view import rejection, render, thresholding, thumbnail
from edgeseg.field_of_view.ellipse import FovEllipse
from edgeseg.imaging.arrays import Box, Mask, Photo
from edgeseg.preprocessing.config import PreprocessingConfig


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """The field of view of one photograph.

    Attributes:
        mask: (H, W) uint8, 255 inside.
        box: Tight box of the mask, pixels.
        rim: The ellipse that the camera's stop makes, in the frame or out of it; None where none was looked for, or
            seen.
    """

    mask: Mask
    box: Box
    rim: FovEllipse | None = None


def detect_fields(
    photo: Photo, config: PreprocessingConfig, name: str = "photograph"
) -> tuple[FieldOfView, ...]:
    """Detect the fields of view by the method that the model's preprocessing names.

    Args:
        photo: (H, W, 3) uint8 RGB.
        config: preprocessing of the model.
        name: photograph's name, for error messages.

    Returns:
        At least one field of view, from left to right, then from top to bottom.

    Raises:
        PhotoError: No retina was found.
    """
    if config.fov == "found":
        return (detect_fov(photo, name),)
    if config.fov == "grey10":
        return (grey10(photo, name),)
    return (whole_frame(photo),)


def largest_field(fields: Sequence[FieldOfView]) -> FieldOfView:
    """Return the field of view whose mask has the most pixels."""
    return max(fields, key=lambda fov: cv2.countNonZero(fov.mask))


def whole_frame(photo: Photo) -> FieldOfView:
    """The whole frame, whatever it shows."""
    return _from_mask(np.full(photo.shape[:2], 255, np.uint8))


def grey10(photo: Photo, name: str = "photograph") -> FieldOfView:
    """The reference system's field of view: grey above 10, the largest outer contour, filled.

    Its grey is OpenCV's BGR2GRAY of an RGB photograph: 0.114 R + 0.587 G + 0.299 B.

    Raises:
        PhotographError: Nothing is brighter than 10.
    """
    region = thresholding.largest_region(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY) > 10)
    if region is None:
        raise PhotoError(f"{name}: holds no fundus, nothing in it is brighter than grey 10.")
    return _from_mask(region)


def detect_fov(photo: Photo, name: str = "photograph") -> FieldOfView:
    """Photograph (H, W, 3) uint8 RGB -> field of view.

    Raises:
        PhotographError: The frame clearly holds no fundus.
    """
    small = thumbnail.make_thumbnail(photo)
    rejection.reject_blank(small, name)
    tried = thresholding.threshold_candidates(small)
    best = thresholding.best_candidate(tried, small)
    if best and best.rim:
        cuts = thresholding.straight_edges_of(best.rim, tried, small)
        mask = render.render_ellipse(best.rim, cuts, best.region, small, photo.shape)
        return _from_mask(mask, best.rim.grown(0.5).scaled(small.factor, small.shift))
    region = thresholding.irregular_region(tried, small)
    rejection.reject_non_fundus(small, region, name)
    return (
        whole_frame(photo)
        if region is None
        else _from_mask(render.enlarge_region(region, photo.shape))
    )


def _from_mask(mask: Mask, rim: FovEllipse | None = None) -> FieldOfView:
    left, top, width, height = cv2.boundingRect(mask)
    return FieldOfView(mask, Box(left, top, width, height), rim)
