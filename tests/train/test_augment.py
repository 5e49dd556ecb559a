"""The augmentations: masks stay binary and aligned, a seed is a crop, and each does what it says."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.arrays import Mask, Photo
from edgeseg_train import augment
from edgeseg_train.augment import NO_AUGMENTATION, Augmentation, Colour, Example, Grid, Move, identity_grid, take

ALL = Augmentation()
EVERY = Augmentation(
    tuple((move, 1.0) for move, _ in ALL.moves),
    tuple((camera, 1.0) for camera, _ in ALL.cameras),
    tuple((colour, 1.0) for colour, _ in ALL.colours),
)
SEEDS = range(12)
SIDE = 65
MIDDLE: Photo = np.full((128, 128, 3), 128, np.uint8)


def example(side: int = 200) -> Example:
    """Curved strokes as truth, a disc as field of view; the photograph's channels repeat both."""
    truth: Mask = np.zeros((side, side), np.uint8)
    for k in range(6):
        cv2.ellipse(truth, (side // 2 + 12 * k, side // 3), (20 + 9 * k, 50), 25 * k, 10, 250, 255, 3)
    inside: Mask = np.zeros((side, side), np.uint8)
    cv2.circle(inside, (side // 2, side // 2), side // 2 - 12, 255, cv2.FILLED)
    photo = np.stack([truth, np.full_like(truth, 200), inside], axis=-1)
    return Example(photo, truth, inside)


def test_the_reference_systems_eleven_are_there() -> None:
    names = {function.__name__ for function, _ in (*ALL.moves, *ALL.cameras, *ALL.colours)}
    moves = "horizontal_flip vertical_flip shift_scale_rotate elastic grid_distortion optical_distortion"
    colours = "brightness_contrast gamma hue_saturation gaussian_noise gaussian_blur"
    assert names == {*moves.split(), *colours.split(), "low_resolution", "illumination"}
    assert all(0 < chance <= 1 for _, chance in (*ALL.moves, *ALL.cameras, *ALL.colours))


def test_without_augmentation_a_crop_is_a_crop() -> None:
    whole = example()
    got = take(whole, (90, 110), SIDE, NO_AUGMENTATION, np.random.default_rng(0))
    rows, columns = slice(110 - 32, 110 + 33), slice(90 - 32, 90 + 33)
    inside = whole.inside[rows, columns]
    assert np.array_equal(got.truth, whole.truth[rows, columns])
    assert np.array_equal(got.inside, inside)
    assert np.array_equal(got.photo, np.where(inside[..., None] > 0, whole.photo[rows, columns], 0))


@pytest.mark.parametrize("move", [move for move, _ in ALL.moves])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_move_keeps_masks_binary_and_aligned(move: Move, seed: int) -> None:
    got = take(example(), (100, 90), 96, replace(NO_AUGMENTATION, moves=((move, 1.0),)), np.random.default_rng(seed))
    check_aligned(got)
    assert got.truth.any()


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(8, 130), st.floats(0, 200), st.floats(0, 200))
def test_all_moves_together_keep_masks_binary_and_aligned(seed: int, size: int, x: float, y: float) -> None:
    moves = replace(NO_AUGMENTATION, moves=EVERY.moves)
    got = take(example(), (x, y), size, moves, np.random.default_rng(seed))
    assert got.photo.shape == (size, size, 3)
    assert got.truth.shape == got.inside.shape == (size, size)
    check_aligned(got)


def check_aligned(got: Example) -> None:
    """What the photograph's channels repeat must have moved as the masks did."""
    inside = got.inside > 0
    assert {*np.unique(got.truth), *np.unique(got.inside)} <= {0, 255}
    assert np.array_equal((got.photo[..., 0] > 127)[inside], (got.truth > 0)[inside])
    assert (got.photo[..., 2] > 127)[inside].all()
    assert not got.photo[~inside].any()


def test_outside_stays_black_whatever_the_colours_do() -> None:
    for seed in SEEDS:
        got = take(example(), (30, 30), SIDE, EVERY, np.random.default_rng(seed))
        assert (got.inside == 0).any()
        assert not got.photo[got.inside == 0].any()


def test_a_seed_is_a_crop() -> None:
    crops = [take(example(), (80, 120), SIDE, EVERY, np.random.default_rng(seed)) for seed in (7, 7, 8)]
    assert all(np.array_equal(a, b) for a, b in zip(parts(crops[0]), parts(crops[1]), strict=True))
    assert not np.array_equal(crops[0].photo, crops[2].photo)
    assert not np.array_equal(crops[0].truth, crops[2].truth)


def parts(crop: Example) -> tuple[Photo, Mask, Mask]:
    return crop.photo, crop.truth, crop.inside


def test_the_photograph_is_left_alone() -> None:
    whole = example()
    take(whole, (80, 120), SIDE, EVERY, np.random.default_rng(0))
    assert all(np.array_equal(a, b) for a, b in zip(parts(whole), parts(example()), strict=True))


def test_coverage_keeps_what_half_of_a_pixel_would_lose() -> None:
    whole = example()
    thin = Example(whole.photo, (whole.truth // 4).astype(np.uint8), whole.inside)  # a quarter of each pixel is vessel
    for coverage in (False, True):
        got = take(thin, (90, 110), SIDE, NO_AUGMENTATION, np.random.default_rng(0), coverage)
        assert got.truth.max() == (63 if coverage else 0)
        assert set(np.unique(got.inside)) <= {0, 255}


def test_flips_flip() -> None:
    whole, rng = example(), np.random.default_rng(0)
    plain, left, top = (
        take(whole, (90, 110), SIDE, how, rng)
        for how in (
            NO_AUGMENTATION,
            replace(NO_AUGMENTATION, moves=((augment.horizontal_flip, 1.0),)),
            replace(NO_AUGMENTATION, moves=((augment.vertical_flip, 1.0),)),
        )
    )
    assert np.array_equal(left.photo, plain.photo[:, ::-1])
    assert np.array_equal(left.truth, plain.truth[:, ::-1])
    assert np.array_equal(top.photo, plain.photo[::-1])
    assert np.array_equal(top.inside, plain.inside[::-1])


def moved(move: Move, seed: int, side: int = 101) -> tuple[Grid, Grid]:
    """The plain map and the moved one."""
    plain = identity_grid(side)
    got = move(plain.copy(), np.random.default_rng(seed))
    assert got.shape == plain.shape
    assert got.dtype == np.float32
    return plain, got


def test_shift_scale_rotate_is_that_and_nothing_else() -> None:
    angles = []
    for seed in SEEDS:
        plain, got = moved(augment.shift_scale_rotate, seed)
        points = np.c_[plain.reshape(-1, 2), np.ones(plain.size // 2)]
        fit, *_ = np.linalg.lstsq(points, got.reshape(-1, 2), rcond=None)
        assert np.allclose(points @ fit, got.reshape(-1, 2), atol=1e-3)
        (a, b), (c, d), shift = fit
        assert np.allclose([a, b], [d, -c], atol=1e-5)  # a rotation, no mirror and no shear
        assert 0.75 - 1e-4 <= 1 / np.hypot(a, b) <= 1 / 0.75 + 1e-4
        assert np.abs(shift).max() <= 0.06 * 101 + 1e-3
        angles.append(np.arctan2(b, a))
    assert np.ptp(angles) > np.pi


def test_elastic_is_small_and_smooth() -> None:
    for seed in SEEDS:
        plain, got = moved(augment.elastic, seed)
        shift = (got - plain) / 101
        assert 0.002 < np.abs(shift).mean() < 0.03
        assert np.abs(shift).max() < 0.08
        steps = np.diff(got[..., 0], axis=1), np.diff(got[..., 1], axis=0)
        assert all(step.min() > 0 and step.max() < 2 for step in steps)  # nothing folds over


def test_grid_distortion_stretches_rows_and_columns_and_keeps_the_edges() -> None:
    for seed in SEEDS:
        plain, got = moved(augment.grid_distortion, seed)
        assert not np.allclose(got, plain, atol=1)
        assert np.allclose(got[..., 0], got[:1, :, 0])  # a column stays one
        assert np.allclose(got[..., 1], got[:, :1, 1])
        assert np.abs(got - plain)[[0, -1]][..., 1].max() < 0.5
        steps = np.diff(got[0, :, 0])
        assert steps.min() > 0.55
        assert steps.max() < 1.65
        assert steps.max() / steps.min() <= 1.3 / 0.7 + 0.01


def test_optical_distortion_is_radial() -> None:
    signs = set()
    for seed in SEEDS:
        plain, got = moved(augment.optical_distortion, seed)
        middle = 50
        assert not got[middle, middle].any()
        factor = got[middle, middle + 1 :, 0] / plain[middle, middle + 1 :, 0]
        square = (plain[middle, middle + 1 :, 0] / 50.5) ** 2
        k = (factor[-1] - 1) / square[-1]
        assert abs(k) <= 0.15 + 1e-5
        assert np.allclose(factor, 1 + k * square, atol=1e-4)
        cross = plain[..., 0] * got[..., 1] - plain[..., 1] * got[..., 0]
        assert np.allclose(cross, 0, atol=1e-2)
        signs.add(np.sign(k))
    assert signs == {-1, 1}


@pytest.mark.parametrize("colour", [colour for colour, _ in ALL.colours])
def test_a_colour_change_keeps_shape_type_and_its_input(colour: Colour) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    before = photo.copy()
    got = colour(photo, np.random.default_rng(1))
    assert got.shape == photo.shape
    assert got.dtype == np.uint8
    assert not np.array_equal(got, photo)
    assert np.array_equal(photo, before)
    assert np.array_equal(got, colour(photo, np.random.default_rng(1)))


LEVELS: Photo = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)


def test_brightness_contrast_is_a_line() -> None:
    for seed in SEEDS:
        got = augment.brightness_contrast(LEVELS, np.random.default_rng(seed))[0].astype(float)
        assert (got[:, 0] == got[:, 1]).all()
        free = (got[:, 0] > 0) & (got[:, 0] < 255)
        slope, _ = np.polyfit(np.arange(256)[free], got[free, 0], 1)
        assert 0.69 < slope < 1.31
        assert abs(got[127:129, 0].mean() - 127.5) <= 0.2 * 255 + 1


def test_gamma_keeps_black_and_white() -> None:
    for seed in SEEDS:
        got = augment.gamma(LEVELS, np.random.default_rng(seed))[0, :, 1]
        assert (got[0], got[255]) == (0, 255)
        assert (np.diff(got.astype(int)) >= 0).all()
        power = np.log(got[128] / 255) / np.log(128 / 255)
        assert 0.58 < power < 1.62


def test_hue_saturation_keeps_greys_and_brightness() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for seed in SEEDS:
        grey = augment.hue_saturation(LEVELS, np.random.default_rng(seed))
        assert np.array_equal(grey, LEVELS)
        got = augment.hue_saturation(photo, np.random.default_rng(seed))
        assert np.abs(got.max(axis=2).astype(int) - photo.max(axis=2)).max() <= 1
    red = np.full((4, 4, 3), (200, 40, 40), np.uint8)
    hues = [augment.hue_saturation(red, np.random.default_rng(seed))[0, 0] for seed in range(60)]
    turned = cv2.cvtColor(np.array([hues], np.uint8), cv2.COLOR_RGB2HSV)[0, :, 0].astype(int)
    away = np.minimum(turned, 180 - turned) * 2
    assert 15 < away.max() <= 22


def test_noise_has_no_bias_and_the_strength_that_it_says() -> None:
    for seed in SEEDS:
        off = augment.gaussian_noise(MIDDLE, np.random.default_rng(seed)).astype(float) - 128
        assert abs(off.mean()) < 0.3
        assert 1.9 < off.std() < 12.3
        assert abs(np.corrcoef(off[..., 0].ravel(), off[..., 1].ravel())[0, 1]) < 0.05


def test_blur_spreads_a_point_by_0_3_to_1_5_pixels() -> None:
    point = np.zeros((41, 41, 3), np.uint8)
    point[18:23, 18:23] = 255
    own = spread(point)
    for seed in SEEDS:
        got = augment.gaussian_blur(point, np.random.default_rng(seed))
        assert 0 < spread(got) - own < 1.6**2
        assert np.array_equal(augment.gaussian_blur(MIDDLE, np.random.default_rng(seed)), MIDDLE)


def spread(photo: Photo) -> float:
    """Variance along a row, in square pixels."""
    weight = photo[..., 0].sum(axis=0).astype(float)
    return float((weight * (np.arange(len(weight)) - 20) ** 2).sum() / weight.sum())


def test_illumination_is_smooth_and_keeps_black() -> None:
    for seed in SEEDS:
        got = augment.illumination(MIDDLE, np.random.default_rng(seed)).astype(float)
        assert np.abs(np.diff(got, axis=1)).max() <= 16
        assert np.ptp(got[..., 0]) > 10
        assert not augment.illumination(np.zeros((8, 8, 3), np.uint8), np.random.default_rng(seed)).any()
