"""Rejection of photographs without a fundus, and robustness of the detector."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.errors import PhotoError
from edgeseg.field_of_view.detect import detect_fov
from edgeseg.imaging.arrays import Photo

ORANGE = (180, 90, 40)


def black() -> Photo:
    return np.random.default_rng(0).integers(0, 8, (500, 600, 3), dtype=np.uint8)


def uniform() -> Photo:
    return np.full((500, 600, 3), ORANGE, np.uint8)


def noise() -> Photo:
    return np.random.default_rng(0).integers(0, 256, (500, 600, 3), dtype=np.uint8)


def faint_noise() -> Photo:
    return np.random.default_rng(0).normal(128, 20, (500, 600, 3)).clip(0, 255).astype(np.uint8)


def small_noise() -> Photo:
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def text_page() -> Photo:
    sheet = np.full((1000, 750, 3), 250, np.uint8)
    text = "The quick brown fox jumps over the dog " * 2
    for line in range(50, 950, 20):
        cv2.putText(sheet, text, (50, line), 0, 0.45, (0, 0, 0), 1)
    return sheet


def black_text_page() -> Photo:
    return 255 - text_page()


def chequers() -> Photo:
    squares = (np.indices((512, 512)) // 32).sum(axis=0) % 2
    return np.repeat(squares[..., None] * 200, 3, axis=2).astype(np.uint8)


def landscape() -> Photo:
    scene = np.empty((500, 700, 3))
    scene[:200], scene[200:] = (120, 160, 220), (60, 110, 50)
    scene += np.random.default_rng(0).normal(0, 10, scene.shape)
    return scene.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "frame",
    [
        black,
        uniform,
        noise,
        faint_noise,
        small_noise,
        text_page,
        black_text_page,
        chequers,
        landscape,
    ],
)
def test_detect_fov_frame_without_fundus_raises(frame: Callable[[], Photo]) -> None:
    with pytest.raises(PhotoError, match=r"^visit\.png: no fundus found: .*\.$") as caught:
        detect_fov(frame(), "visit.png")
    assert "\n" not in str(caught.value)
    assert caught.value.code == "no_fundus"


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    seed=st.integers(0, 99),
    low=st.integers(0, 255),
    smooth=st.booleans(),
)
def test_detect_fov_any_frame_returns_field_or_raises_photo_error(
    shape: tuple[int, int], seed: int, low: int, smooth: bool
) -> None:
    photo = np.random.default_rng(seed).integers(low, 256, (*shape, 3), dtype=np.uint8)
    if smooth:
        photo = np.asarray(cv2.GaussianBlur(photo, (0, 0), 5), np.uint8)
    try:
        fov = detect_fov(photo)
    except PhotoError:
        return
    assert fov.mask.shape == shape
    assert set(np.unique(fov.mask)) <= {0, 255}


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 2), (20, 3000)])
def test_detect_fov_narrow_frame_returns_field(shape: tuple[int, int]) -> None:
    photo = np.empty((*shape, 3), np.uint8)
    photo[:] = (np.indices(shape).sum(axis=0) / sum(shape) * 200)[..., None]
    assert detect_fov(photo).mask.shape == shape
