"""Detection of the field of view: the part of the frame that shows the retina.

The detector works on a thumbnail. It thresholds the dark background at several levels, fits an
ellipse to each outline, selects the ellipse with the best coverage, detects straight edges where
the camera cut the field, and renders the result at the size of the photograph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgeseg.errors import PhotoError
from edgeseg.field_of_view import rejection, render, thresholding
from edgeseg.field_of_view.ellipse import FovEllipse
from edgeseg.field_of_view.thumbnail import make_thumbnail
from edgeseg.imaging.arrays import Box, Mask, Photo

if TYPE_CHECKING:
    from edgeseg.preprocessing.config import PreprocessingConfig


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """Field of view of a photograph.

    Attributes:
        mask: (H, W) uint8, 255 inside, 0 outside.
        box: bounding box of the mask.
        rim: ellipse of the camera's circular stop, which may extend beyond the frame; None if no
            ellipse was fitted.
    """

    mask: Mask
    box: Box
    rim: FovEllipse | None = None


def detect_fields(
    photo: Photo, config: PreprocessingConfig, name: str = "photograph"
) -> tuple[FieldOfView, ...]:
    """Detect the fields of view with the method of a model's preprocessing.

    Args:
        photo: (H, W, 3) uint8 RGB.
        config: preprocessing of the model.
        name: name of the photograph in error messages.

    Returns:
        At least one field of view, from left to right, then from top to bottom.

    Raises:
        PhotoError: no retina was found.
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
    """Return the whole frame as the field of view.

    Args:
        photo: (H, W, 3) uint8 RGB.
    """
    return _from_mask(np.full(photo.shape[:2], 255, np.uint8))


def grey10(photo: Photo, name: str = "photograph") -> FieldOfView:
    """Detect the field of view as the reference system does: the largest region above grey 10.

    The reference applied OpenCV's BGR2GRAY to an RGB image: 0.114 R + 0.587 G + 0.299 B.

    Args:
        photo: (H, W, 3) uint8 RGB.
        name: name of the photograph in error messages.

    Raises:
        PhotoError: no pixel is brighter than 10.
    """
    region = thresholding.largest_region(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY) > 10)
    if region is None:
        raise PhotoError(
            f"{name}: no fundus found: no pixel is brighter than grey 10.", "no_fundus"
        )
    return _from_mask(region)


def detect_fov(photo: Photo, name: str = "photograph") -> FieldOfView:
    """Detect one field of view of any shape: an ellipse with straight edges, or else a region.

    Args:
        photo: (H, W, 3) uint8 RGB.
        name: name of the photograph in error messages.

    Returns:
        Field of view; the whole frame if no dark background is visible.

    Raises:
        PhotoError: the photograph does not show a fundus.
    """
    thumbnail = make_thumbnail(photo)
    rejection.reject_blank(thumbnail, name)
    candidates = thresholding.threshold_candidates(thumbnail)
    best = thresholding.select_candidate(candidates, thumbnail)
    if best and best.ellipse:
        edges = thresholding.visible_straight_edges(best.ellipse, candidates, thumbnail)
        mask = render.render_ellipse(best.ellipse, edges, best.region, thumbnail, photo.shape)
        ellipse = best.ellipse.expanded(0.5).scaled(thumbnail.factor, thumbnail.shift)
        return _from_mask(mask, ellipse)
    region = thresholding.irregular_region(candidates, thumbnail)
    rejection.reject_non_fundus(thumbnail, region, name)
    if region is None:
        return whole_frame(photo)
    return _from_mask(render.enlarge_region(region, photo.shape))


def _from_mask(mask: Mask, ellipse: FovEllipse | None = None) -> FieldOfView:
    return FieldOfView(mask, Box(*cv2.boundingRect(mask)), ellipse)
