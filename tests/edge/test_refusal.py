"""What holds no fundus is refused, and nothing breaks the search."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.errors import PhotoError
from edgeseg.field_of_view import detect as fov_of
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


def page() -> Photo:
    sheet = np.full((1000, 750, 3), 250, np.uint8)
    for line in range(50, 950, 20):
        cv2.putText(
            sheet, "The quick brown fox jumps over the dog " * 2, (50, line), 0, 0.45, (0, 0, 0), 1
        )
    return sheet


def black_page() -> Photo:
    return 255 - page()


def chequers() -> Photo:
    squares = (np.indices((512, 512)) // 32).sum(axis=0) % 2
    return np.repeat(squares[..., None] * 200, 3, axis=2).astype(np.uint8)


def landscape() -> Photo:
    scene = np.empty((500, 700, 3))
    scene[:200], scene[200:] = (120, 160, 220), (60, 110, 50)
    return (
        (scene + np.random.default_rng(0).normal(0, 10, scene.shape)).clip(0, 255).astype(np.uint8)
    )


@pytest.mark.parametrize(
    "frame",
    [black, uniform, noise, faint_noise, small_noise, page, black_page, chequers, landscape],
)
def test_a_frame_without_a_fundus_is_refused(frame: Callable[[], Photo]) -> None:
    with pytest.raises(PhotoError, match=r"^visit\.png: holds no fundus, .*\.$") as caught:
        fov_of.detect_fov(frame(), "visit.png")
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    seed=st.integers(0, 99),
    low=st.integers(0, 255),
    smooth=st.booleans(),
)
def test_any_frame_gives_a_field_or_a_photograph_error(
    shape: tuple[int, int], seed: int, low: int, smooth: bool
) -> None:
    photo = np.random.default_rng(seed).integers(low, 256, (*shape, 3), dtype=np.uint8)
    if smooth:
        photo = np.asarray(cv2.GaussianBlur(photo, (0, 0), 5), np.uint8)
    try:
        found = fov_of.detect_fov(photo)
    except PhotoError:
        return
    assert found.mask.shape == shape
    assert set(np.unique(found.mask)) <= {0, 255}


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 2), (20, 3000)])
def test_ribbons_do_not_break_it(shape: tuple[int, int]) -> None:
    photo = np.empty((*shape, 3), np.uint8)
    photo[:] = (np.indices(shape).sum(axis=0) / sum(shape) * 200)[..., None]
    assert fov_of.detect_fov(photo).mask.shape == shape
