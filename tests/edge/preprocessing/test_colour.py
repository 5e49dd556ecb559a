"""Colour balance of dark and monochrome photographs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.field_of_view.detect import FieldOfView, whole_frame
from edgeseg.imaging.arrays import Box, Mask, Photo
from edgeseg.preprocessing.colour import (
    GREY_BLUE_TO_GREEN,
    GREY_RED_TO_GREEN,
    MAX_BLUE_TO_GREEN,
    MAX_GAIN,
    MIN_MEANS,
    compute_gains,
    multiply_channel,
)
from edgeseg.preprocessing.config import Colour, PreprocessingConfig
from edgeseg.preprocessing.prepare import prepare
from edgeseg.synthetic import generate_photo

# Means of R, G and B of colour fundus cameras: CHASE_DB1, HRF, FIVES, DRIVE, STARE.
USUAL_MEANS = [(158, 57, 10), (194, 61, 32), (130, 63, 22), (184, 97, 59), (172, 93, 27)]

SIDE = 96


def photo_with_means(*means: float) -> Photo:
    """Return random pixels with these means of R, G and B, (SIDE, SIDE, 3)."""
    noise = np.random.default_rng(0).normal(1, 0.1, (SIDE, SIDE, 3))
    photo: Photo = np.rint(noise * np.array(means)).clip(0, 255).astype(np.uint8)
    return photo


def prepare_with(
    colour: Colour, photo: Photo, inside: Mask | None = None, size: int = SIDE
) -> Photo:
    """Return the network input without CLAHE, (size, size, 3)."""
    height, width = photo.shape[:2]
    fov = whole_frame(photo)
    if inside is not None:
        fov = FieldOfView(inside, Box(0, 0, width, height))
    config = PreprocessingConfig(size, colour=colour, crop="frame")
    pixels: Photo = prepare(photo, config, fov=fov).tensor[0]
    return pixels


@pytest.mark.parametrize("means", USUAL_MEANS)
def test_balance_of_a_usual_photograph_changes_nothing(
    means: tuple[float, float, float],
) -> None:
    photo = photo_with_means(*means)
    np.testing.assert_array_equal(prepare_with("balance", photo), prepare_with("keep", photo))


def test_balance_of_a_dark_photograph_raises_means_to_the_limits() -> None:
    balanced = prepare_with("balance", photo_with_means(30, 12, 4))
    np.testing.assert_allclose(balanced.mean(axis=(0, 1)), (*MIN_MEANS, 16), rtol=0.03)


def test_balance_of_a_dark_photograph_keeps_levels_between_those_of_the_photograph() -> None:
    usual = generate_photo(0, 4 * SIDE).photo
    dark = (usual * 0.1).astype(np.uint8)
    green = prepare_with("balance", dark)[..., 1]
    expected = prepare_with("keep", usual)[..., 1].astype(float)
    scale = green.mean() / expected.mean()
    assert len(np.unique(green)) > 3 * len(np.unique(dark[..., 1]))
    assert np.abs(green - scale * expected).mean() < 2.5


@pytest.mark.parametrize("grey", [30, 60, 100])
def test_balance_of_a_grey_photograph_gives_red_above_green_above_blue(grey: int) -> None:
    red, green, blue = prepare_with("balance", photo_with_means(grey, grey, grey)).mean(axis=(0, 1))
    assert green == pytest.approx(max(grey, MIN_MEANS[1]), rel=0.02)
    assert red == pytest.approx(max(GREY_RED_TO_GREEN * green, MIN_MEANS[0]), rel=0.02)
    assert blue == pytest.approx(GREY_BLUE_TO_GREEN * green, rel=0.02)


def test_balance_limits_blue_relative_to_green() -> None:
    balanced = prepare_with("balance", photo_with_means(150, 90, 80))
    np.testing.assert_allclose(
        balanced.mean(axis=(0, 1)), (150, 90, MAX_BLUE_TO_GREEN * 90), rtol=0.02
    )


def test_balance_uses_the_means_inside_the_field_of_view() -> None:
    dark = photo_with_means(30, 12, 4)
    inside = np.zeros((SIDE, SIDE), np.uint8)
    inside[20:70, 10:80] = 255
    dark[inside == 0] = 255
    balanced = prepare_with("balance", dark, inside)[inside > 0]
    np.testing.assert_allclose(balanced.mean(axis=0), (*MIN_MEANS, 16), rtol=0.03)


def test_balance_keeps_the_input_array() -> None:
    photo = photo_with_means(30, 12, 4)
    before = photo.copy()
    prepare_with("balance", photo)
    np.testing.assert_array_equal(photo, before)


def test_multiply_channel_rounds_and_clips() -> None:
    channel = np.array([[0, 1, 3, 100, 255]], np.uint8)
    assert multiply_channel(channel, 2.6).tolist() == [[0, 3, 8, 255, 255]]


@given(st.lists(st.floats(0, 255), min_size=3, max_size=3))
def test_gains_of_any_means_keep_the_limits(values: list[float]) -> None:
    means = np.array(values)
    gains = compute_gains(means)
    assert ((gains >= 0) & (gains <= MAX_GAIN)).all()
    balanced = gains * means
    assert (balanced[:2] >= np.minimum(MIN_MEANS, MAX_GAIN * means[:2]) - 1e-9).all()
    assert balanced[2] <= MAX_BLUE_TO_GREEN * max(balanced[1], MAX_GAIN) + 1e-9
