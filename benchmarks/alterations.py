"""Alterations of photographs, as in screenshots, prints, reports and pairs of both eyes."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.field_of_view.detect import detect_fov
from edgeseg.imaging.arrays import Box, Photo

Colour = tuple[int, int, int]
Flags = npt.NDArray[np.bool_]

WHITE, GREY, BLUE, ORANGE = (255, 255, 255), (128, 128, 128), (30, 60, 200), (200, 110, 50)
COLOURS = {"white": WHITE, "grey": GREY, "blue": BLUE, "orange": ORANGE}
MARGINS = (1, 2, 4, 10, 20, 40)
LINE_WIDTHS = (1, 2, 5, 15)
LINE_DISTANCES = (0, 3, 10, 40)


class Altered(NamedTuple):
    """Altered photograph.

    Attributes:
        photo: (H, W, 3) uint8 RGB.
        place: box of the original photograph in the altered one.
        is_painted: True if only the painted pixels differ from the original; False if all differ.
    """

    photo: Photo
    place: Box
    is_painted: bool = True


Alteration = Callable[[Photo], Altered]


class Composed(NamedTuple):
    """Image that consists of several photographs.

    Attributes:
        photo: (H, W, 3) uint8 RGB.
        places: boxes of the photographs in the image.
    """

    photo: Photo
    places: tuple[Box, ...]


def list_alterations() -> Iterator[tuple[str, Alteration]]:
    """Yield the name and the function of each alteration."""
    for name, colour in COLOURS.items():
        for width in MARGINS:
            yield f"{name} margin", partial(add_margin, (width,) * 4, colour)
        for width in LINE_WIDTHS:
            for distance in LINE_DISTANCES:
                line = partial(draw_frame_line, colour, width, distance)
                yield f"{name} frame line, {distance} px", line
    for side in range(4):
        widths = [0, 0, 0, 0]
        widths[side] = 25
        yield "white margin on one side", partial(add_margin, widths, WHITE)
    yield "label bar", partial(add_label_bar, False)
    yield "label bar", partial(add_label_bar, True)
    for corner in range(4):
        yield "arrow", partial(draw_arrow, corner)
    for level in (40, 80, 128, 200, 255):
        yield "grey surround", partial(fill_surround, level)
    yield "colours, grey", make_grey
    yield "colours, green channel", show_green
    yield "colours, dark", darken
    yield "colours, reddish", redden
    for share in (1 / 60, 1 / 20):
        yield "local mean subtracted", partial(subtract_local_mean, share)
        yield "grey, local mean subtracted", partial(subtract_grey_local_mean, share)


def add_margin(widths: Sequence[int], colour: Colour, photo: Photo) -> Altered:
    """Add a margin of one colour: top, bottom, left and right."""
    top, bottom, left, right = widths
    place = Box(left, top, photo.shape[1], photo.shape[0])
    padded = np.empty((top + photo.shape[0] + bottom, left + photo.shape[1] + right, 3), np.uint8)
    padded[:] = colour
    padded[place.rows, place.columns] = photo
    return Altered(padded, place)


def draw_frame_line(colour: Colour, width: int, distance: int, photo: Photo) -> Altered:
    """Draw a frame line at a distance from the edges."""
    drawn = photo.copy()
    for view in (drawn, drawn[::-1], drawn.transpose(1, 0, 2), drawn.transpose(1, 0, 2)[::-1]):
        view[distance : distance + width, distance : view.shape[1] - distance] = colour
    return Altered(drawn, Box(0, 0, photo.shape[1], photo.shape[0]))


def add_label_bar(at_bottom: bool, photo: Photo) -> Altered:
    """Add a white bar with text."""
    height = max(24, len(photo) // 12)
    scale = len(photo) / 600
    altered = add_margin((0, height, 0, 0) if at_bottom else (height, 0, 0, 0), WHITE, photo)
    baseline = height * 3 // 4 + (len(photo) if at_bottom else 0)
    text = "OD 45 deg 2026-01-31"
    thickness = max(1, round(2 * scale))
    cv2.putText(altered.photo, text, (height, baseline), 0, scale, (0, 0, 0), thickness)
    return altered


def draw_arrow(corner: int, photo: Photo) -> Altered:
    """Draw a white arrow from a corner to the rim of the field."""
    drawn = photo.copy()
    size = np.array(photo.shape[1::-1])
    direction = np.array([corner % 2, corner // 2])
    start = np.abs(direction * (size - 1) - 5).astype(int)
    end = (start + 0.16 * (size / 2 - start)).astype(int)
    width = max(1, len(photo) // 300)
    cv2.arrowedLine(drawn, start.tolist(), end.tolist(), WHITE, width, tipLength=0.2)
    return Altered(drawn, Box(0, 0, photo.shape[1], photo.shape[0]))


def fill_surround(level: int, photo: Photo) -> Altered:
    """Fill the surround of the field with a grey level."""
    filled = photo.copy()
    filled[detect_fov(photo).mask == 0] = level
    return Altered(filled, Box(0, 0, photo.shape[1], photo.shape[0]))


def make_grey(photo: Photo) -> Altered:
    """Replace the colours with grey levels."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    return _replace_all(np.repeat(grey[:, :, None], 3, axis=2))


def show_green(photo: Photo) -> Altered:
    """Show the green channel in grey levels, as red-free and laser scanning cameras do."""
    return _replace_all(np.repeat(photo[:, :, 1:2], 3, axis=2))


def darken(photo: Photo) -> Altered:
    """Multiply all channels by 0.18, and add noise of 2.5 grey levels inside the field of view."""
    noise = np.random.default_rng(1).normal(0, 2.5, photo.shape)
    noise[detect_fov(photo).mask == 0] = 0
    return _replace_all((0.18 * photo + noise).clip(0, 255))


def redden(photo: Photo) -> Altered:
    """Multiply R by 1.3, G by 0.6 and B by 0.4."""
    return _replace_all((photo * np.array([1.3, 0.6, 0.4])).clip(0, 255))


def subtract_local_mean(share: float, photo: Photo) -> Altered:
    """Subtract a Gaussian mean, as networks for diabetic retinopathy do (Graham 2015).

    Args:
        share: sigma relative to the width of the photograph.
        photo: (H, W, 3) uint8 RGB.
    """
    colours = photo.astype(np.float32)
    mean = cv2.GaussianBlur(colours, (0, 0), share * photo.shape[1])
    changed = (4 * (colours - mean) + 128).clip(0, 255)
    inside = detect_fov(photo).mask[:, :, None] > 0
    return _replace_all(np.where(inside, changed, 0))


def subtract_grey_local_mean(share: float, photo: Photo) -> Altered:
    """Replace the colours with grey levels, and subtract the local mean."""
    return subtract_local_mean(share, make_grey(photo).photo)


def _replace_all(changed: npt.NDArray[np.generic]) -> Altered:
    return Altered(changed.astype(np.uint8), Box(0, 0, changed.shape[1], changed.shape[0]), False)


def compose(photos: Sequence[Photo], columns: int, gap: int) -> Composed:
    """Place photographs in rows on a black image."""
    places: list[Box] = []
    top = 0
    for start in range(0, len(photos), columns):
        row = photos[start : start + columns]
        left = 0
        for photo in row:
            places.append(Box(left, top, photo.shape[1], photo.shape[0]))
            left += photo.shape[1] + gap
        top += max(len(photo) for photo in row) + gap
    height = max(place.top + place.height for place in places)
    width = max(place.left + place.width for place in places)
    image = np.zeros((height, width, 3), np.uint8)
    for photo, place in zip(photos, places, strict=True):
        image[place.rows, place.columns] = photo
    return Composed(image, tuple(places))
