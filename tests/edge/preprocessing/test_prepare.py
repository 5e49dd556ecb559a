"""Preprocessing steps, compared with independent computations."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.field_of_view.detect import FieldOfView, whole_frame
from edgeseg.imaging.arrays import Box, Mask, Photo
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg.preprocessing.prepare import (
    apply_clahe,
    compute_placement,
    prepare,
    resize_coverage_to_input,
    resize_fov_to_input,
    resize_mask_to_input,
    resize_to_input,
)

RECORDS = st.from_type(PreprocessingConfig)


def noise(seed: int, height: int, width: int) -> Photo:
    """A photograph of random pixels."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def disc_in(height: int, width: int, box: Box) -> FieldOfView:
    """An elliptic field of view that fills its box."""
    mask: Mask = np.zeros((height, width), np.uint8)
    y, x = np.mgrid[: box.height, : box.width]
    off = ((x + 0.5) / box.width - 0.5) ** 2 + ((y + 0.5) / box.height - 0.5) ** 2
    mask[box.rows, box.columns] = np.where(off <= 0.25, 255, 0)
    left, top, wide, high = cv2.boundingRect(mask)
    return FieldOfView(mask, Box(left, top, wide, high))


@given(RECORDS, st.integers(1, 400), st.integers(1, 400), st.data())
def test_compute_placement_any_crop_is_inside_the_network_input(
    how: PreprocessingConfig, height: int, width: int, data: st.DataObject
) -> None:
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = Box(
        left, top, data.draw(st.integers(1, width - left)), data.draw(st.integers(1, height - top))
    )
    placement = compute_placement(
        (height, width), FieldOfView(np.zeros((height, width), np.uint8), box), how
    )
    source, target = placement.source, placement.target
    assert source == (box if how.crop == "fov" else Box(0, 0, width, height))
    assert target.left >= 0
    assert target.top >= 0
    assert target.left + target.width <= how.size
    assert target.top + target.height <= how.size
    assert max(target.width, target.height) == how.size
    if how.fit == "stretch":
        assert (target.width, target.height) == (how.size, how.size)
    else:
        scale = how.size / max(source.width, source.height)
        assert abs(target.width - source.width * scale) <= 1
        assert abs(target.height - source.height * scale) <= 1
        assert abs(2 * target.left + target.width - how.size) <= 1
        assert abs(2 * target.top + target.height - how.size) <= 1


@settings(max_examples=60)
@given(RECORDS, st.integers(1, 90), st.integers(1, 90), st.integers(0, 99))
def test_prepare_any_config_and_photograph_gives_valid_input(
    how: PreprocessingConfig, height: int, width: int, seed: int
) -> None:
    photo = noise(seed, height, width)
    before = photo.copy()
    fov = disc_in(height, width, Box(width // 4, height // 4, (width + 1) // 2, (height + 1) // 2))
    ready = prepare(photo, how, fov=fov)
    assert ready.tensor.shape == (1, how.size, how.size, 3)
    assert ready.tensor.dtype == np.uint8
    assert ready.inside.shape == (how.size, how.size)
    assert set(np.unique(ready.inside)) <= {0, 255}
    assert np.array_equal(photo, before)


def test_prepare_edge_preset_crops_resizes_balances_equalises_and_fills() -> None:
    photo, box = noise(1, 300, 400), Box(60, 40, 240, 200)
    photo[..., 0] //= 2  # the mean of red is half of the mean of green: red must be brighter
    photo[..., 2] //= 4
    fov = disc_in(300, 400, box)
    ready = prepare(photo, preprocessing_preset("edge", 96), fov=fov)

    def resize(pixels: Photo) -> Photo:
        square = np.zeros((96, 96, 3), np.uint8)
        square[8:88] = cv2.resize(pixels[40:240, 60:300], (96, 80), interpolation=cv2.INTER_AREA)
        return square

    red = resize(photo)[ready.inside > 0][:, 0].mean()
    assert 60 < red < 70
    brighter = np.rint(photo[..., :1] * (115 / red)).clip(0, 255).astype(np.uint8)
    square = resize(np.concatenate([brighter, photo[..., 1:]], axis=-1))
    clahe = cv2.createCLAHE(2.0, (8, 8))
    equal = np.stack([clahe.apply(np.ascontiguousarray(square[..., c])) for c in range(3)], axis=-1)
    assert np.array_equal(ready.tensor[0], np.where(ready.inside[..., None] > 0, equal, 0))
    assert not ready.inside[:8].any()
    assert ready.inside[48, 48] == 255


def test_prepare_reference_preset_equalises_and_fills_before_resizing() -> None:
    photo, fov = noise(2, 150, 200), disc_in(150, 200, Box(20, 10, 150, 130))
    ready = prepare(photo, preprocessing_preset("reference", 64), fov=fov)
    clahe = cv2.createCLAHE(2.0, (8, 8))
    equal = np.stack([clahe.apply(np.ascontiguousarray(photo[..., c])) for c in range(3)], axis=-1)
    black = np.where(fov.mask[..., None] > 0, equal, np.uint8(0))
    assert np.array_equal(
        ready.tensor[0], cv2.resize(black, (64, 64), interpolation=cv2.INTER_LINEAR)
    )


@pytest.mark.parametrize("contrast_at", ["before", "after"])
@pytest.mark.parametrize("contrast", ["none", "clahe"])
def test_prepare_fills_pixels_outside_the_field_of_view(contrast: str, contrast_at: str) -> None:
    values = {"size": 64, "contrast": contrast, "contrast_at": contrast_at, "fill": 77}
    how = PreprocessingConfig.from_dict(values)
    fov = disc_in(80, 120, Box(10, 10, 100, 60))
    ready = prepare(noise(3, 80, 120), how, fov=fov)
    # If resizing is the last step, pixels at the edge are a mixture of fill and retina.
    outside = cv2.dilate(ready.inside, np.ones((5, 5), np.uint8)) == 0
    assert outside.any()
    assert (ready.tensor[0][outside] == 77).all()


def test_prepare_with_fill_keep_does_not_change_pixels_outside_the_field() -> None:
    photo, fov = noise(4, 64, 64), disc_in(64, 64, Box(0, 0, 64, 64))
    ready = prepare(photo, PreprocessingConfig(64, crop="frame", fill="keep"), fov=fov)
    assert np.array_equal(ready.tensor[0], photo)


def test_prepare_ignores_pixels_outside_the_field_of_view() -> None:
    photo, fov = noise(5, 100, 100), disc_in(100, 100, Box(0, 0, 100, 100))
    larger = noise(6, 170, 190)
    larger[30:130, 50:150] = photo
    mask: Mask = np.zeros((170, 190), np.uint8)
    mask[30:130, 50:150] = fov.mask
    moved = FieldOfView(mask, Box(50, 30, 100, 100))
    for how in (
        preprocessing_preset("edge", 64),
        PreprocessingConfig(128),
        PreprocessingConfig(50, fit="stretch"),
    ):
        assert np.array_equal(
            prepare(photo, how, fov=fov).tensor, prepare(larger, how, fov=moved).tensor
        )


def test_prepare_without_contrast_ignores_contrast_at() -> None:
    photo, fov = noise(7, 70, 90), disc_in(70, 90, Box(5, 5, 60, 60))
    how = PreprocessingConfig(48)
    before = prepare(photo, replace(how, contrast_at="before"), fov=fov)
    assert np.array_equal(before.tensor, prepare(photo, how, fov=fov).tensor)


def test_apply_clahe_processes_channels_separately() -> None:
    photo = noise(8, 64, 64) // 4
    other = photo.copy()
    other[..., 1] = 0
    assert np.array_equal(
        apply_clahe(photo, 2.0, 8)[..., [0, 2]], apply_clahe(other, 2.0, 8)[..., [0, 2]]
    )
    assert np.ptp(apply_clahe(photo, 2.0, 8)) > np.ptp(photo)


def test_resize_to_input_pads_with_black_or_given_level() -> None:
    photo = np.full((20, 40, 3), 200, np.uint8)
    placement = compute_placement((20, 40), whole_frame(photo), PreprocessingConfig(32))
    assert resize_to_input(photo, placement, "pad")[0, 0].tolist() == [0, 0, 0]
    assert resize_to_input(photo, placement, "pad", 9)[0, 0].tolist() == [9, 9, 9]
    assert resize_to_input(photo, placement, "pad")[16, 16].tolist() == [200, 200, 200]


@pytest.mark.parametrize(
    "side", [110, 130, 144, 200, 270, 300, 334, 400, 470, 500, 700]
)  # reduction by factors of 1.1 to 7; 2 and 4 average areas
def test_resize_to_input_averages_areas(side: int) -> None:
    blurred = np.asarray(cv2.GaussianBlur(noise(9, side, side), (0, 0), 4), np.float64)
    smooth = (255 * (blurred - blurred.min()) / np.ptp(blurred)).astype(np.uint8)
    small = resize_to_input(
        smooth,
        compute_placement((side, side), whole_frame(smooth), PreprocessingConfig(100)),
        "pad",
    ).astype(float)
    averages = cv2.resize(smooth.astype(np.float32), (100, 100), interpolation=cv2.INTER_AREA)
    assert np.abs(small - averages).mean() < 1.5
    # The result is not shifted: a shift by half a pixel in any direction agrees less.
    for axis in (0, 1):
        for step in (-1, 1):
            moved = (averages + np.roll(averages, step, axis)) / 2
            assert np.abs(small - averages).mean() < 0.5 * np.abs(small - moved)[1:-1, 1:-1].mean()


@given(st.integers(40, 300), st.integers(40, 300), st.integers(32, 128))
@settings(max_examples=50)
def test_resize_fov_to_input_sets_pixels_with_centre_inside(
    height: int, width: int, size: int
) -> None:
    fov = disc_in(height, width, Box(3, 5, width - 8, height - 7))
    placement = compute_placement((height, width), fov, PreprocessingConfig(size))
    small = resize_fov_to_input(fov.mask, placement)
    share = resize_coverage_to_input(fov.mask, placement)
    assert set(np.unique(small)) <= {0, 255}
    assert (small[share == 255] == 255).all()
    assert not small[share == 0].any()


def test_resize_mask_to_input_sets_pixels_with_half_their_area_inside() -> None:
    mask: Mask = np.zeros((64, 64), np.uint8)
    mask[0, :2] = 255  # half of a 2x2 block
    mask[4, 4] = 255  # a quarter
    small = resize_mask_to_input(
        mask,
        compute_placement(
            (64, 64), whole_frame(np.zeros((64, 64, 3), np.uint8)), PreprocessingConfig(32)
        ),
    )
    assert small[0, 0] == 255
    assert small[2, 2] == 0
    assert (small > 0).sum() == 1
