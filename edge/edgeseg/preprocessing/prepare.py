"""Photograph and field of view -> what the network sees. The one preprocessing of training, export and device.

How it is done is data: `edgeseg.preprocessing.config`.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.field_of_view.detect import FieldOfView
from edgeseg.imaging.arrays import Box, Mask, Photo, is_large_image
from edgeseg.preprocessing.config import Fit, PreprocessingConfig
from edgeseg.preprocessing.resize import Means, likely_window, means, resize_area
from edgeseg.system.background import BackgroundTask

Begun: TypeAlias = BackgroundTask[Means]


class Placement(NamedTuple):
    """Where in the network's square which part of the photograph lies: the way there and the way back.

    Attributes:
        frame: the photograph's (height, width) in pixels.
        source: the part of the photograph that was taken.
        target: where in the working square it went.
        size: the square's side in pixels.
    """

    frame: tuple[int, int]
    source: Box
    target: Box
    size: int


class Prepared(NamedTuple):
    """The network's input and the way back.

    Attributes:
        tensor: (1, size, size, 3) uint8 RGB, before mean and deviation (those are in the graph).
        inside: (size, size) uint8 {0, 255}, the field of view at the working size.
        placement: where the pixels came from.
    """

    tensor: npt.NDArray[np.uint8]
    inside: Mask
    placement: Placement


def compute_placement(
    frame: tuple[int, int], fov: FieldOfView, how: PreprocessingConfig
) -> Placement:
    """Where a photograph of `frame` (height, width) with this field of view goes in the working square."""
    height, width = frame
    source = fov.box if how.crop == "fov" else Box(0, 0, width, height)
    if how.fit == "stretch":
        return Placement(frame, source, Box(0, 0, how.size, how.size), how.size)
    scale = how.size / max(source.width, source.height)
    wide = max(1, round(source.width * scale))
    high = max(1, round(source.height * scale))
    target = Box((how.size - wide) // 2, (how.size - high) // 2, wide, high)
    return Placement(frame, source, target, how.size)


def begin(photo: Photo, how: PreprocessingConfig) -> Begun | None:
    """What of `preprocess` can be computed before the field of view is known, in a thread; None where nothing can."""
    equalised_first = how.contrast == "clahe" and how.contrast_at == "before"
    window = likely_window(photo.shape, how.size)
    if window in (None, 1) or is_large_image(photo.shape) or how.fit != "pad" or equalised_first:
        return None
    return BackgroundTask(partial(means, photo, window))


def preprocess(
    photo: Photo, fov: FieldOfView, how: PreprocessingConfig, begun: Begun | None = None
) -> Prepared:
    """Photograph (H, W, 3) uint8 RGB and its field of view -> the network's input.

    Args:
        photo: (H, W, 3) uint8 RGB.
        fov: its field of view, mask (H, W) uint8 {0, 255}.
        how: the model's record.
        begun: what `begin` gave of this photograph and record; it changes nothing but the time, and serves once.
    """
    placement = compute_placement(photo.shape[:2], fov, how)
    if how.contrast == "clahe" and how.contrast_at == "before":
        photo = fill_outside(apply_clahe(photo, how.clip_limit, how.tiles), fov.mask, how.fill)
    ahead = begun.take() if begun else None
    square = resize_to_input(
        photo, placement, how.fit, 0 if how.fill == "keep" else how.fill, ahead
    )
    inside = resize_fov_to_input(fov.mask, placement)
    if how.contrast == "clahe" and how.contrast_at == "after":
        square = apply_clahe(square, how.clip_limit, how.tiles)
    if not (how.contrast == "clahe" and how.contrast_at == "before"):
        square = fill_outside(square, inside, how.fill)
    return Prepared(square[None], inside, placement)


def resize_to_input(
    photo: Photo, placement: Placement, fit: Fit, around: int = 0, ahead: Means | None = None
) -> Photo:
    """Photograph (H, W, 3) uint8 -> its part at the working size (size, size, 3), the grey level `around` about it."""
    source, target = placement.source, placement.target
    shrinks = target.width <= source.width and target.height <= source.height
    if fit == "pad" and shrinks:
        resized = resize_area(photo, source, target.width, target.height, ahead)
    else:
        part = photo[source.rows, source.columns]
        resized = np.asarray(
            cv2.resize(part, (target.width, target.height), interpolation=cv2.INTER_LINEAR),
            np.uint8,
        )
    if (target.width, target.height) == (placement.size, placement.size):
        return resized
    square: Photo = np.full((placement.size, placement.size, 3), around, np.uint8)
    square[target.rows, target.columns] = resized
    return square


def resize_fov_to_input(mask: Mask, placement: Placement) -> Mask:
    """Field of view (H, W) {0, 255} -> (size, size) {0, 255}: a pixel is set where its middle is.

    A tenth of the time of `mask_to_square`, which what is small needs; of a field it differs by a pixel of the rim here
    and there. What is enlarged goes that way too, lest its rim be as stepped as the photograph's.
    """
    source, target = placement.source, placement.target
    if target.width > source.width:
        return resize_mask_to_input(mask, placement)
    square: Mask = np.zeros((placement.size, placement.size), np.uint8)
    square[target.rows, target.columns] = cv2.resize(
        mask[source.rows, source.columns],
        (target.width, target.height),
        interpolation=cv2.INTER_NEAREST_EXACT,
    )
    return square


def resize_mask_to_input(mask: Mask, placement: Placement) -> Mask:
    """Mask (H, W) {0, 255} -> (size, size) {0, 255}: a pixel is set where at least half of its area is."""
    square: Mask = np.where(
        resize_coverage_to_input(mask, placement) > 127, np.uint8(255), np.uint8(0)
    )
    return square


def resize_coverage_to_input(mask: Mask, placement: Placement) -> Mask:
    """Mask (H, W) {0, 255} -> (size, size) uint8: the share of a pixel's area that is set, 255 for all of it."""
    source, target = placement.source, placement.target
    part = mask[source.rows, source.columns]
    shrinks = target.width <= source.width and target.height <= source.height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(part, (target.width, target.height), interpolation=how)
    square: Mask = np.zeros((placement.size, placement.size), np.uint8)
    square[target.rows, target.columns] = resized
    return square


def apply_clahe(photo: Photo, clip_limit: float, tiles: int) -> Photo:
    """CLAHE on each of R, G and B of (H, W, 3) uint8, as the reference system equalised."""
    clahe = cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(tiles, tiles))
    return cv2.merge([clahe.apply(channel) for channel in cv2.split(photo)]).astype(
        np.uint8, copy=False
    )


def fill_outside(photo: Photo, inside: Mask, fill: int | Literal["keep"]) -> Photo:
    """(H, W, 3) uint8 with the grey level `fill` wherever `inside` (H, W) is 0."""
    if fill == "keep":
        return photo
    if fill == 0:
        return cv2.bitwise_and(photo, photo, mask=inside).astype(np.uint8, copy=False)
    return np.where(inside[:, :, None] != 0, photo, np.uint8(fill))
