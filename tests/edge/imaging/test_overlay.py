"""Overlay and error map: colours of the pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeseg.evaluation.metrics import count_pixels
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.overlay import (
    FALSE,
    FOUND,
    MISSED,
    VESSEL,
    OverlayStyle,
    draw_error_map,
    draw_overlay,
    overlay_in_place,
)

SHAPE = (6, 5)
STYLES: tuple[OverlayStyle, ...] = ("outline", "fill")
masks = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 255]))
photos = hnp.arrays(np.uint8, (*SHAPE, 3))


def count_colour(image: Photo, colour: tuple[int, int, int]) -> int:
    return int((image == colour).all(axis=2).sum())


@given(photos, masks)
def test_draw_overlay_fill_changes_only_mask_pixels(photo: Photo, mask: Mask) -> None:
    before = photo.copy()
    image = draw_overlay(photo, mask, style="fill")
    assert image.shape == photo.shape
    assert image.dtype == np.uint8
    assert (image[mask == 0] == photo[mask == 0]).all()
    assert (photo == before).all()


@given(photos, masks, st.sampled_from(STYLES))
def test_draw_overlay_in_place_equals_copy(photo: Photo, mask: Mask, style: OverlayStyle) -> None:
    expected = draw_overlay(photo, mask, style=style)
    assert draw_overlay(photo, mask, style=style, in_place=True) is photo
    assert (photo == expected).all()


@given(photos, masks, st.sampled_from(STYLES))
def test_overlay_in_place_restores_photograph(
    photo: Photo, mask: Mask, style: OverlayStyle
) -> None:
    before, expected = photo.copy(), draw_overlay(photo, mask, style=style)
    with overlay_in_place(photo, mask, style=style) as drawn:
        assert drawn is photo
        assert (drawn == expected).all()
    assert (photo == before).all()


@given(photos, masks)
def test_draw_overlay_outline_keeps_vessels_and_marks_their_neighbours(
    photo: Photo, mask: Mask
) -> None:
    image = draw_overlay(photo, mask)
    around = (cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0) & (mask == 0)
    assert (image[around] == VESSEL).all()
    assert (image[~around] == photo[~around]).all()


def test_draw_overlay_outline_is_the_same_in_bands_and_wider_on_large_photographs() -> None:
    mask = np.zeros((3600, 300), np.uint8)
    mask[100:3500, 100:110] = 255
    image = draw_overlay(np.zeros((3600, 300, 3), np.uint8), mask)
    around = (cv2.dilate(mask, np.ones((5, 5), np.uint8)) > 0) & (mask == 0)
    assert ((image == VESSEL).all(axis=2) == around).all()


@given(photos, masks)
def test_draw_overlay_full_and_zero_opacity_give_colour_and_photo(photo: Photo, mask: Mask) -> None:
    assert (draw_overlay(photo, mask, opacity=1, style="fill")[mask != 0] == VESSEL).all()
    for style in STYLES:
        assert (draw_overlay(photo, mask, opacity=0, style=style) == photo).all()


def test_draw_overlay_half_opacity_gives_mean() -> None:
    photo, mask = np.zeros((*SHAPE, 3), np.uint8), np.full(SHAPE, 255, np.uint8)
    assert (draw_overlay(photo, mask, (100, 200, 0), 0.5, "fill") == (50, 100, 0)).all()


@given(masks, masks, st.none() | masks)
def test_draw_error_map_colours_match_pixel_counts(
    prediction: Mask, truth: Mask, inside: Mask | None
) -> None:
    image, counts = (
        draw_error_map(prediction, truth, inside),
        count_pixels(prediction, truth, inside),
    )
    assert image.dtype == np.uint8
    assert count_colour(image, FOUND) == counts.true_positive
    assert count_colour(image, FALSE) == counts.false_positive
    assert count_colour(image, MISSED) == counts.false_negative
    black = count_colour(image, (0, 0, 0))
    assert black == image[..., 0].size - counts.pixels + counts.true_negative


@pytest.mark.parametrize(
    ("prediction", "truth", "colour"),
    [(255, 255, FOUND), (255, 0, FALSE), (0, 255, MISSED), (0, 0, (0, 0, 0))],
)
def test_draw_error_map_single_case_has_its_colour(
    prediction: int, truth: int, colour: tuple[int, int, int]
) -> None:
    image = draw_error_map(np.full(SHAPE, prediction, np.uint8), np.full(SHAPE, truth, np.uint8))
    assert (image == colour).all()


def test_error_map_colours_differ_in_brightness() -> None:
    grey = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b in (FOUND, FALSE, MISSED)]
    assert min(abs(a - b) for a in grey for b in grey if a != b) > 20
