"""Averages of areas, made at once or ahead of the field of view."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.field_of_view.detect import detect_fov
from edgeseg.imaging.arrays import Box, Photo
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg.preprocessing.prepare import begin, compute_placement, preprocess
from edgeseg.preprocessing.resize import likely_window, means, resize_area, window_of
from edgeseg.synthetic import generate_photo


def noise(seed: int, height: int, width: int) -> Photo:
    """Every pixel different."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 99),
    st.integers(25, 90),
    st.integers(25, 90),
    st.integers(0, 12),
    st.integers(0, 12),
    st.data(),
)
def test_what_was_made_ahead_changes_no_pixel(
    seed: int, height: int, width: int, left: int, top: int, data: st.DataObject
) -> None:
    photo = noise(seed, height + 12, width + 12)
    box = Box(left, top, width, height)
    wide, high = data.draw(st.integers(2, width // 2)), data.draw(st.integers(2, height // 2))
    window = max(3, window_of(max(width / wide, height / high)) or 3)
    at_once = resize_area(photo, box, wide, high)
    assert np.array_equal(resize_area(photo, box, wide, high, means(photo, window)), at_once)
    assert np.array_equal(
        resize_area(photo, box, wide, high, means(photo, window + 2)), at_once
    )  # made in vain


@pytest.mark.parametrize(
    ("pixels", "window"),
    [(1.0, 1), (1.4, 1), (1.5, None), (2.0, None), (2.6, 3), (3.4, 3), (4.0, None), (4.98, 5)],
)
def test_a_window_is_odd_and_nearly_the_area(pixels: float, window: int | None) -> None:
    assert window_of(pixels) == window


def test_the_window_is_guessed_before_the_field_of_view_is_known() -> None:
    photo = generate_photo(1, 2048).photo
    box, how = detect_fov(photo).box, PreprocessingConfig(704)
    target = compute_placement(photo.shape[:2], detect_fov(photo), how).target
    assert likely_window(photo.shape, how.size) == window_of(
        max(box.width / target.width, box.height / target.height)
    )
    assert window_of(max(box.width / target.width, box.height / target.height)) == 3


def test_preprocessing_that_was_begun_gives_the_same() -> None:
    photo = generate_photo(2, 700).photo
    fov, how = detect_fov(photo), preprocessing_preset("edge", 224)
    begun = begin(photo, how)
    assert begun is not None
    ready = preprocess(photo, fov, how, begun)
    assert np.array_equal(ready.tensor, preprocess(photo, fov, how).tensor)


@pytest.mark.parametrize(
    "how",
    [
        PreprocessingConfig(704),
        PreprocessingConfig(224, fit="stretch"),
        PreprocessingConfig(224, contrast="clahe", contrast_at="before"),
    ],
)
def test_nothing_is_begun_that_would_not_serve(how: PreprocessingConfig) -> None:
    assert begin(noise(3, 700, 700), how) is None


def test_nothing_is_begun_of_what_weighs_on_memory() -> None:
    how = PreprocessingConfig(704)
    assert begin(np.zeros((2048, 2048, 3), np.uint8), how) is not None
    assert begin(np.zeros((2100, 2100, 3), np.uint8), how) is None
