"""Resizing of the network output to the photograph's original size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.field_of_view.detect import FieldOfView
from edgeseg.imaging.arrays import Box, Mask, Probability
from edgeseg.postprocess import (
    ResizeBuffer,
    ResizedProbability,
    resize_to_photo,
    threshold_at_photo_size,
)
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import Placement, prepare


@st.composite
def placements(draw: st.DrawFn) -> Placement:
    """Any part of a small frame, at any position in a small network input."""
    height, width, size = (draw(st.integers(1, 60)) for _ in range(3))
    return Placement((height, width), draw(boxes(height, width)), draw(boxes(size, size)), size)


@st.composite
def boxes(draw: st.DrawFn, height: int, width: int) -> Box:
    """Any box inside a frame."""
    left = draw(st.integers(0, width - 1))
    top = draw(st.integers(0, height - 1))
    return Box(left, top, draw(st.integers(1, width - left)), draw(st.integers(1, height - top)))


def create_output(placement: Placement, random: np.random.Generator) -> Probability:
    return random.random((placement.size, placement.size), np.float32)


@settings(max_examples=200)
@given(placements(), st.floats(0, 1), st.integers(0, 99))
def test_mask_is_the_thresholded_probability(
    placement: Placement, threshold: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    output = create_output(placement, random)
    inside: Mask = np.where(random.random(placement.frame) < 0.7, np.uint8(255), np.uint8(0))
    probability = resize_to_photo(output, placement, inside)
    mask = threshold_at_photo_size(output, placement, inside, threshold)
    assert probability.shape == mask.shape == placement.frame
    assert probability.dtype == np.float32
    assert mask.dtype == np.uint8
    assert probability.min() >= 0
    assert probability.max() <= 1
    counted = np.zeros(placement.frame, bool)
    counted[placement.source.rows, placement.source.columns] = True
    counted &= inside > 0
    assert not probability[~counted].any()
    expected = np.where(counted & (probability >= np.float32(threshold)), 255, 0)
    assert np.array_equal(mask, expected)


@given(st.data(), placements(), st.integers(0, 99))
def test_resized_probability_in_bands_equals_resize_to_photo(
    data: st.DataObject, placement: Placement, seed: int
) -> None:
    random = np.random.default_rng(seed)
    output = create_output(placement, random)
    inside: Mask = np.where(random.random(placement.frame) < 0.7, np.uint8(255), np.uint8(0))
    box = data.draw(boxes(*placement.frame))
    expected = resize_to_photo(output, placement, inside)[box.rows, box.columns]
    resized = ResizedProbability(output, placement, inside, box)
    parts = [resized.read(slice(top, min(top + 5, box.height))) for top in range(0, box.height, 5)]
    np.testing.assert_array_equal(np.concatenate(parts), expected)


@given(st.lists(placements(), min_size=2, max_size=4), st.integers(0, 99))
def test_reused_buffer_does_not_change_the_mask(placement_list: list[Placement], seed: int) -> None:
    buffer, random = ResizeBuffer(), np.random.default_rng(seed)
    for placement in placement_list:
        output = create_output(placement, random)
        everywhere: Mask = np.full(placement.frame, 255, np.uint8)
        fresh = threshold_at_photo_size(output, placement, everywhere, 0.5)
        reused = threshold_at_photo_size(output, placement, everywhere, 0.5, buffer)
        assert np.array_equal(reused, fresh)


def test_large_photograph_in_bands_equals_resizing_at_once() -> None:
    output: Probability = np.random.default_rng(1).random((64, 64), np.float32)
    placement = Placement((2500, 1800), Box(30, 0, 1700, 2500), Box(2, 0, 44, 64), 64)
    everywhere: Mask = np.full((2500, 1800), 255, np.uint8)
    probability = resize_to_photo(output, placement, everywhere)
    at_once = cv2.resize(output[:, 2:46], (1700, 2500), interpolation=cv2.INTER_LINEAR)
    assert np.abs(probability[:, 30:1730] - at_once).max() < 1e-6
    expected, buffer = np.where(probability >= np.float32(0.4), 255, 0), ResizeBuffer()
    for _ in range(2):
        mask = threshold_at_photo_size(output, placement, everywhere, 0.4, buffer)
        assert np.array_equal(mask, expected)


def test_float64_probability_is_converted_to_float32() -> None:
    placement = Placement((9, 9), Box(0, 0, 9, 9), Box(0, 0, 4, 4), 4)
    everywhere: Mask = np.full((9, 9), 255, np.uint8)
    output = np.full((4, 4), 0.5)
    assert (resize_to_photo(output, placement, everywhere) == 0.5).all()
    assert threshold_at_photo_size(output, placement, everywhere, 0.5).all()


def test_equal_sizes_are_not_interpolated() -> None:
    output: Probability = np.random.default_rng(0).random((40, 40), np.float32)
    placement = Placement((50, 60), Box(7, 3, 30, 20), Box(5, 10, 30, 20), 40)
    everywhere: Mask = np.full((50, 60), 255, np.uint8)
    probability = resize_to_photo(output, placement, everywhere)
    assert np.array_equal(probability[3:23, 7:37], output[10:30, 5:35])
    assert np.count_nonzero(probability) == 600


def test_pixel_with_probability_equal_to_threshold_is_vessel() -> None:
    placement = Placement((4, 1), Box(0, 0, 1, 4), Box(0, 0, 1, 4), 4)
    output = np.full((4, 4), 0.3, np.float32)
    everywhere: Mask = np.full((4, 1), 255, np.uint8)
    assert threshold_at_photo_size(output, placement, everywhere, 0.3).all()
    assert not threshold_at_photo_size(output, placement, everywhere, 0.3001).any()


@pytest.mark.parametrize(
    "config",
    [
        PreprocessingConfig(96),
        PreprocessingConfig(96, fit="stretch"),
        PreprocessingConfig(300, crop="frame"),
    ],
)
def test_pixels_return_to_their_positions_after_preparation(config: PreprocessingConfig) -> None:
    photo = np.zeros((240, 320, 3), np.uint8)
    photo[60:100, 200:212] = 255
    photo[150:156, 90:190] = 255
    inside: Mask = np.zeros((240, 320), np.uint8)
    inside[20:220, 70:280] = 255
    prepared = prepare(photo, config, fov=FieldOfView(inside, Box(70, 20, 210, 200)))
    output: Probability = (prepared.tensor[0, ..., 1] / 255).astype(np.float32)
    returned = threshold_at_photo_size(output, prepared.placement, inside, 0.5) > 0
    expected = photo[..., 1] > 0
    assert (returned & expected).sum() / (returned | expected).sum() > 0.9
