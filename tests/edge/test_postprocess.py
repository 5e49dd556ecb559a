"""The way back to the photograph's own size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.field_of_view.detect import FieldOfView
from edgeseg.imaging.arrays import Box, Mask, Probability
from edgeseg.postprocess import ResizeBuffer, resize_to_photo, threshold_at_photo_size
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import Placement, prepare


@st.composite
def placements(draw: st.DrawFn) -> Placement:
    """Any part of any small frame, anywhere in a small square."""
    height, width, size = (draw(st.integers(1, 60)) for _ in range(3))
    return Placement((height, width), draw(boxes(height, width)), draw(boxes(size, size)), size)


@st.composite
def boxes(draw: st.DrawFn, height: int, width: int) -> Box:
    """Any box in a frame."""
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return Box(left, top, draw(st.integers(1, width - left)), draw(st.integers(1, height - top)))


@settings(max_examples=200)
@given(placements(), st.floats(0, 1), st.integers(0, 99))
def test_mask_is_the_probability_thresholded(
    placement: Placement, threshold: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    working: Probability = rng.random((placement.size, placement.size), np.float32)
    inside: Mask = np.where(rng.random(placement.frame) < 0.7, np.uint8(255), np.uint8(0))
    frame = resize_to_photo(working, placement, inside)
    mask = threshold_at_photo_size(working, placement, inside, threshold)
    assert frame.shape == mask.shape == placement.frame
    assert frame.dtype == np.float32
    assert mask.dtype == np.uint8
    assert frame.min() >= 0
    assert frame.max() <= 1
    in_source = np.zeros(placement.frame, bool)
    in_source[placement.source.rows, placement.source.columns] = True
    counts = in_source & (inside > 0)
    assert not frame[~counts].any()
    assert np.array_equal(mask, np.where(counts & (frame >= np.float32(threshold)), 255, 0))


@given(st.lists(placements(), min_size=2, max_size=4), st.integers(0, 99))
def test_memory_that_is_used_again_leaves_no_trace(placed: list[Placement], seed: int) -> None:
    scratch, rng = ResizeBuffer(), np.random.default_rng(seed)
    for placement in placed:
        working: Probability = rng.random((placement.size, placement.size), np.float32)
        everywhere: Mask = np.full(placement.frame, 255, np.uint8)
        alone = threshold_at_photo_size(working, placement, everywhere, 0.5)
        assert np.array_equal(
            threshold_at_photo_size(working, placement, everywhere, 0.5, scratch), alone
        )


def test_a_large_photograph_gets_in_bands_what_it_would_get_at_once() -> None:
    working: Probability = np.random.default_rng(1).random((64, 64), np.float32)
    placement = Placement((2500, 1800), Box(30, 0, 1700, 2500), Box(2, 0, 44, 64), 64)
    everywhere: Mask = np.full((2500, 1800), 255, np.uint8)
    frame = resize_to_photo(working, placement, everywhere)
    at_once = cv2.resize(working[:, 2:46], (1700, 2500), interpolation=cv2.INTER_LINEAR)
    assert np.abs(frame[:, 30:1730] - at_once).max() < 1e-6
    thresholded, scratch = np.where(frame >= np.float32(0.4), 255, 0), ResizeBuffer()
    for _ in range(2):
        assert np.array_equal(
            threshold_at_photo_size(working, placement, everywhere, 0.4, scratch), thresholded
        )


def test_a_probability_of_more_digits_is_taken_as_float32() -> None:
    placement = Placement((9, 9), Box(0, 0, 9, 9), Box(0, 0, 4, 4), 4)
    everywhere: Mask = np.full((9, 9), 255, np.uint8)
    half = np.full((4, 4), 0.5)
    assert (resize_to_photo(half, placement, everywhere) == 0.5).all()
    assert threshold_at_photo_size(half, placement, everywhere, 0.5).all()


def test_nothing_is_interpolated_where_sizes_agree() -> None:
    working: Probability = np.random.default_rng(0).random((40, 40), np.float32)
    placement = Placement((50, 60), Box(7, 3, 30, 20), Box(5, 10, 30, 20), 40)
    everywhere: Mask = np.full((50, 60), 255, np.uint8)
    frame = resize_to_photo(working, placement, everywhere)
    assert np.array_equal(frame[3:23, 7:37], working[10:30, 5:35])
    assert np.count_nonzero(frame) == 600


def test_a_threshold_is_reached_by_its_own_value() -> None:
    placement = Placement((4, 1), Box(0, 0, 1, 4), Box(0, 0, 1, 4), 4)
    working = np.full((4, 4), 0.3, np.float32)
    everywhere: Mask = np.full((4, 1), 255, np.uint8)
    assert threshold_at_photo_size(working, placement, everywhere, 0.3).all()
    assert not threshold_at_photo_size(working, placement, everywhere, 0.3001).any()


@pytest.mark.parametrize(
    "how",
    [
        PreprocessingConfig(96),
        PreprocessingConfig(96, fit="stretch"),
        PreprocessingConfig(300, crop="frame"),
    ],
)
def test_what_went_in_comes_back_where_it_was(how: PreprocessingConfig) -> None:
    photo = np.zeros((240, 320, 3), np.uint8)
    photo[60:100, 200:212] = 255
    photo[150:156, 90:190] = 255
    mask: Mask = np.zeros((240, 320), np.uint8)
    mask[20:220, 70:280] = 255
    ready = prepare(photo, how, fov=FieldOfView(mask, Box(70, 20, 210, 200)))
    working: Probability = (ready.tensor[0, ..., 1] / 255).astype(np.float32)
    back, truth = (
        threshold_at_photo_size(working, ready.placement, mask, 0.5) > 0,
        photo[..., 1] > 0,
    )
    assert (back & truth).sum() / (back | truth).sum() > 0.9
