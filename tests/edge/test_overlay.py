from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeseg.evaluation.metrics import count_pixels
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.overlay import FALSE, FOUND, MISSED, VESSEL, draw_error_map, draw_overlay

SHAPE = (6, 5)
masks = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 255]))
photos = hnp.arrays(np.uint8, (*SHAPE, 3))


def _how_many(picture: Photo, colour: tuple[int, int, int]) -> int:
    return int((picture == colour).all(axis=2).sum())


@given(photos, masks)
def test_only_vessels_are_tinted(photo: Photo, mask: Mask) -> None:
    before = photo.copy()
    picture = draw_overlay(photo, mask)
    assert picture.shape == photo.shape
    assert picture.dtype == np.uint8
    assert (picture[mask == 0] == photo[mask == 0]).all()
    assert (photo == before).all()


@given(photos, masks)
def test_a_full_tint_is_the_colour_and_none_is_the_photograph(photo: Photo, mask: Mask) -> None:
    assert (draw_overlay(photo, mask, opacity=1)[mask != 0] == VESSEL).all()
    assert (draw_overlay(photo, mask, opacity=0) == photo).all()


def test_a_tint_lies_between_photograph_and_colour() -> None:
    photo, mask = np.zeros((*SHAPE, 3), np.uint8), np.full(SHAPE, 255, np.uint8)
    assert (draw_overlay(photo, mask, (100, 200, 0), 0.5) == (50, 100, 0)).all()


@given(masks, masks, st.none() | masks)
def test_colours_show_what_is_counted(found: Mask, truth: Mask, inside: Mask | None) -> None:
    picture, counts = draw_error_map(found, truth, inside), count_pixels(found, truth, inside)
    assert picture.dtype == np.uint8
    assert _how_many(picture, FOUND) == counts.true_positive
    assert _how_many(picture, FALSE) == counts.false_positive
    assert _how_many(picture, MISSED) == counts.false_negative
    black = _how_many(picture, (0, 0, 0))
    assert black == picture[..., 0].size - counts.pixels + counts.true_negative


@pytest.mark.parametrize(
    ("found", "truth", "colour"),
    [(255, 255, FOUND), (255, 0, FALSE), (0, 255, MISSED), (0, 0, (0, 0, 0))],
)
def test_each_pixel_has_the_colour_of_its_case(
    found: int, truth: int, colour: tuple[int, int, int]
) -> None:
    picture = draw_error_map(np.full(SHAPE, found, np.uint8), np.full(SHAPE, truth, np.uint8))
    assert (picture == colour).all()


def test_colours_differ_in_brightness_too() -> None:
    grey = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b in (FOUND, FALSE, MISSED)]
    assert min(abs(a - b) for a in grey for b in grey if a != b) > 20
