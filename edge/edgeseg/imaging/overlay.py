"""Visualizations: vessels marked on the photograph, and an error map of a prediction."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, TypeAlias

import cv2
import numpy as np

from edgeseg.imaging.arrays import Mask, Photo, row_bands

# Green. This colour differs from the retina in hue and brightness, so that it is visible to
# colour-blind people.
VESSEL = (64, 255, 128)

# White, red and blue. These colours are distinct for colour-blind people and in print.
FOUND, FALSE, MISSED = (255, 255, 255), (255, 64, 64), (64, 160, 255)


OverlayStyle: TypeAlias = Literal["outline", "fill"]
"""Style of an overlay: `outline` draws a line around the vessels, `fill` tints their pixels."""

DEFAULT_OPACITY: Mapping[OverlayStyle, float] = {"outline": 1.0, "fill": 0.6}

_PIXELS_PER_LINE_WIDTH = 1750  # length of the longer side per pixel of line width


def draw_overlay(
    photo: Photo,
    mask: Mask,
    colour: tuple[int, int, int] = VESSEL,
    opacity: float | None = None,
    style: OverlayStyle = "outline",
    in_place: bool = False,
) -> Photo:
    """Draw a mask on a photograph.

    Args:
        photo: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, nonzero for pixels to mark.
        colour: RGB colour of the mark.
        opacity: weight of the colour, 0 to 1; None to use the default of the style.
        style: line around the mask, or tint of its pixels.
        in_place: whether to draw on the photograph itself instead of a copy.

    Returns:
        Marked photograph, (H, W, 3) uint8 RGB.
    """
    weight = DEFAULT_OPACITY[style] if opacity is None else opacity
    drawn = photo if in_place else photo.copy()
    bands = list(row_bands(len(photo)))
    marks = _fill_colour(colour, bands[0].stop, photo.shape[1])
    mixed = _mix_levels(colour, weight)
    for rows in bands:
        band = drawn[rows]
        marked = _marked_pixels(mask, rows, style)
        if weight < 1:  # a lookup table is three times faster than mixing each pixel
            marks = np.asarray(cv2.LUT(band, mixed), np.uint8)
        cv2.copyTo(marks[: len(band)], marked, band)
    return drawn


@contextmanager
def overlay_in_place(
    photo: Photo,
    mask: Mask,
    colour: tuple[int, int, int] = VESSEL,
    opacity: float | None = None,
    style: OverlayStyle = "outline",
) -> Iterator[Photo]:
    """Draw a mask on the photograph itself, and restore the photograph at the end.

    This requires less memory than a copy.

    Args:
        photo: (H, W, 3) uint8 RGB, writeable.
        mask: (H, W) uint8, nonzero for pixels to mark.
        colour: RGB colour of the mark.
        opacity: weight of the colour, 0 to 1; None to use the default of the style.
        style: line around the mask, or tint of its pixels.

    Yields:
        The photograph.
    """
    bands = list(row_bands(len(photo)))
    saved = [photo[rows][_marked_pixels(mask, rows, style) != 0] for rows in bands]
    try:
        yield draw_overlay(photo, mask, colour, opacity, style, in_place=True)
    finally:
        for rows, pixels in zip(bands, saved, strict=True):
            photo[rows][_marked_pixels(mask, rows, style) != 0] = pixels


def _marked_pixels(mask: Mask, rows: slice, style: OverlayStyle) -> Mask:
    """Return the pixels of a band that the overlay changes, nonzero for changed pixels."""
    return _outline(mask, rows) if style == "outline" else mask[rows]


def _fill_colour(colour: tuple[int, int, int], height: int, width: int) -> Photo:
    """Return an image of one colour, (height, width, 3) uint8."""
    channels = [np.full((height, width), level, np.uint8) for level in colour]
    return np.asarray(cv2.merge(channels), np.uint8)


def _mix_levels(colour: tuple[int, int, int], weight: float) -> Photo:
    """Return a lookup table that mixes each channel with a colour, (256, 1, 3) uint8."""
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    mixed = cv2.addWeighted(levels, 1 - weight, _fill_colour(colour, 256, 1), weight, 0)
    return np.asarray(mixed, np.uint8)


def _outline(mask: Mask, rows: slice) -> Mask:
    """Return the outline of a mask in a band of rows. The line is wider in larger photographs."""
    width = max(1, round(max(mask.shape) / _PIXELS_PER_LINE_WIDTH))
    top = max(0, rows.start - width)
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    dilated = cv2.dilate(mask[top : rows.stop + width], kernel)
    inner = dilated[rows.start - top : rows.stop - top]
    return np.asarray(cv2.bitwise_xor(inner, mask[rows]), np.uint8)


def shrink_photo(photo: Photo, max_side: int) -> Photo:
    """Reduce a photograph to at most `max_side` pixels. Smaller photographs are returned unchanged.

    Args:
        photo: (H, W, 3) uint8 RGB.
        max_side: longer side of the result in pixels.
    """
    height, width = photo.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return photo
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)


def draw_error_map(prediction: Mask, truth: Mask, inside: Mask | None = None) -> Photo:
    """Draw true positives white, false positives red and false negatives blue, on black.

    Args:
        prediction: (H, W) uint8 {0, 255}.
        truth: (H, W) uint8 {0, 255}.
        inside: (H, W) uint8 {0, 255}; pixels with the value 0 are black in the result.

    Returns:
        Error map, (H, W, 3) uint8 RGB.
    """
    predicted, labelled = prediction != 0, truth != 0
    image: Photo = np.zeros((*truth.shape, 3), np.uint8)
    image[predicted & labelled] = FOUND
    image[predicted & ~labelled] = FALSE
    image[~predicted & labelled] = MISSED
    if inside is not None:
        image[inside == 0] = 0
    return image
