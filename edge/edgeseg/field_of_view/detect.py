"""Photograph -> field of view: the part of the frame in which the camera saw the retina.

Searched on a small version (`edgeseg.fov`): split off the dark background at several levels, fit a rim to each outline,
keep the one that is followed best, find where the camera cut it straight, draw it at the photograph's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgeseg.errors import PhotographError
from edgeseg.field_of_view import rejection, render, thresholding, thumbnail
from edgeseg.field_of_view.ellipse import Rim
from edgeseg.imaging.arrays import Box, Mask, Photo
from edgeseg.preprocessing.config import FovMethod


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
    rim: Rim | None = None


def field_of_view(photo: Photo, method: FovMethod, name: str = "photograph") -> FieldOfView:
    """Photograph (H, W, 3) uint8 RGB -> its field of view by the named method."""
    if method == "found":
        return find(photo, name)
    return grey10(photo, name) if method == "grey10" else whole(photo)


def whole(photo: Photo) -> FieldOfView:
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
        raise PhotographError(f"{name}: holds no fundus, nothing in it is brighter than grey 10.")
    return _from_mask(region)


def find(photo: Photo, name: str = "photograph") -> FieldOfView:
    """Photograph (H, W, 3) uint8 RGB -> field of view.

    Raises:
        PhotographError: The frame clearly holds no fundus.
    """
    small = thumbnail.take(photo)
    rejection.refuse_empty(small, name)
    tried = thresholding.split_at_all(small)
    best = thresholding.best(tried, small)
    if best and best.rim:
        cuts = thresholding.cuts_of(best.rim, tried, small)
        mask = render.drawn(best.rim, cuts, best.region, small, photo.shape)
        return _from_mask(mask, best.rim.grown(0.5).scaled(small.factor, small.shift))
    region = thresholding.ragged(tried, small)
    rejection.refuse_unlike(small, region, name)
    return whole(photo) if region is None else _from_mask(render.enlarged(region, photo.shape))


def _from_mask(mask: Mask, rim: Rim | None = None) -> FieldOfView:
    left, top, width, height = cv2.boundingRect(mask)
    return FieldOfView(mask, Box(left, top, width, height), rim)
