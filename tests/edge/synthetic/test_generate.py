"""Synthetic photographs: reproducible, consistent, and similar to published photographs."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.errors import UsageError
from edgeseg.synthetic import SyntheticPhoto, generate_photo

SEEDS = range(6)


@pytest.fixture(scope="module")
def photos() -> list[SyntheticPhoto]:
    return [generate_photo(seed, 512) for seed in SEEDS]


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**63), size=st.integers(64, 700))
def test_generate_photo_any_seed_and_size_returns_consistent_arrays(seed: int, size: int) -> None:
    synthetic = generate_photo(seed, size)
    assert synthetic.photo.shape == (size, size, 3)
    assert synthetic.truth.shape == synthetic.fov.shape == (size, size)
    assert synthetic.photo.dtype == synthetic.truth.dtype == synthetic.fov.dtype == np.uint8
    assert set(np.unique(synthetic.truth)) == set(np.unique(synthetic.fov)) == {0, 255}
    assert not synthetic.truth[synthetic.fov == 0].any()
    assert 0.04 < (synthetic.truth > 0).sum() / (synthetic.fov > 0).sum() < 0.5
    assert 0.5 < (synthetic.fov > 0).mean() < 0.8


def test_generate_photo_same_seed_and_size_gives_same_bytes() -> None:
    first, second = generate_photo(7, 300), generate_photo(7, 300)
    for field in dataclasses.fields(SyntheticPhoto):
        assert getattr(first, field.name).tobytes() == getattr(second, field.name).tobytes()


def test_generate_photo_bytes_do_not_depend_on_thread_count() -> None:
    default, threads = generate_photo(8, 600), cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        single = generate_photo(8, 600)
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(default.photo, single.photo)
    assert np.array_equal(default.truth, single.truth)


def test_generate_photo_different_seeds_give_different_photos(photos: list[SyntheticPhoto]) -> None:
    assert len({synthetic.photo.tobytes() for synthetic in photos}) == len(photos)
    assert len({synthetic.truth.tobytes() for synthetic in photos}) == len(photos)


def test_generate_photo_same_seed_gives_same_eye_at_every_size() -> None:
    small, large = generate_photo(3, 384), generate_photo(3, 768)
    shrunk = cv2.resize(large.truth, (384, 384), interpolation=cv2.INTER_AREA) > 127
    both = (small.truth > 0) & shrunk
    assert 2 * both.sum() / ((small.truth > 0).sum() + shrunk.sum()) > 0.8


def test_generate_photo_vessel_share_is_in_published_range(photos: list[SyntheticPhoto]) -> None:
    # The range in DRIVE, CHASE_DB1, HRF and FIVES is 7 to 13 %.
    for synthetic in photos:
        assert 0.07 < (synthetic.truth > 0).sum() / (synthetic.fov > 0).sum() < 0.14


def test_generate_photo_vessel_contrast_is_in_published_range(photos: list[SyntheticPhoto]) -> None:
    # The range in DRIVE, CHASE_DB1, HRF and FIVES is 0.12 to 0.23.
    for synthetic in photos:
        assert 0.10 < vessel_contrast(synthetic) < 0.30


def test_generate_photo_surround_is_black_and_field_is_not(photos: list[SyntheticPhoto]) -> None:
    for synthetic in photos:
        surround = cv2.dilate(synthetic.fov, np.ones((9, 9), np.uint8)) == 0
        assert synthetic.photo[surround].mean() < 5
        assert synthetic.photo[synthetic.fov > 0].mean() > 40


@pytest.mark.parametrize(("seed", "size"), [(-1, 512), (0, 63), (0, 4097)])
def test_generate_photo_invalid_seed_or_size_raises(seed: int, size: int) -> None:
    with pytest.raises(UsageError, match="invalid"):
        generate_photo(seed, size)


def vessel_contrast(synthetic: SyntheticPhoto) -> float:
    """Mean relative difference in green between vessels and the surrounding background."""
    green = synthetic.photo[:, :, 1].astype(np.float32)
    inside = cv2.erode(synthetic.fov, np.ones((15, 15), np.uint8)) > 0
    far = (inside & (cv2.dilate(synthetic.truth, np.ones((3, 3), np.uint8)) == 0)).astype(
        np.float32
    )
    background = cv2.blur(green * far, (31, 31)) / np.maximum(cv2.blur(far, (31, 31)), 1e-3)
    vessels = (synthetic.truth > 0) & inside
    return float((1 - green[vessels] / np.maximum(background[vessels], 1)).mean())
