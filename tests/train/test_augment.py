"""The augmentations: masks stay binary and aligned, a seed is a batch, and each does what it says to each crop."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from edgeseg.imaging.arrays import Mask
from edgeseg_train.data import augmentation
from edgeseg_train.data.augmentation import (
    NO_AUGMENTATION,
    Augmentation,
    Colour,
    CropPlacement,
    Draws,
    Move,
    identity_grid,
    sample_crops,
)
from edgeseg_train.data.photo_store import Batch, Example, PhotoStore

ALL = Augmentation()
EVERY = Augmentation(
    tuple((move, 1.0) for move, _ in ALL.moves),
    tuple((camera, 1.0) for camera, _ in ALL.cameras),
    tuple((colour, 1.0) for colour, _ in ALL.colours),
)
COUNT = 12
SIDE = 65
LEVEL = 1 / 255
MIDDLE = torch.full((COUNT, 3, 128, 128), 128 * LEVEL)
LEVELS = (torch.arange(256) / 255).expand(COUNT, 3, 9, 256)
PARTS = ("photo", "truth", "inside")


def draws(seed: int = 0) -> Draws:
    return Draws(np.random.default_rng(seed))


def example(side: int = 200) -> Example:
    """Curved strokes as truth, a disc as field of view; the photograph's channels repeat both."""
    truth: Mask = np.zeros((side, side), np.uint8)
    for k in range(6):
        cv2.ellipse(
            truth, (side // 2 + 12 * k, side // 3), (20 + 9 * k, 50), 25 * k, 10, 250, 255, 3
        )
    inside: Mask = np.zeros((side, side), np.uint8)
    cv2.circle(inside, (side // 2, side // 2), side // 2 - 12, 255, cv2.FILLED)
    photo = np.stack([truth, np.full_like(truth, 200), inside], axis=-1)
    return Example(photo, truth, inside)


def noise(side: int = 200) -> Example:
    """Random pixels, nowhere black, all of them in the field of view."""
    full: Mask = np.full((side, side), 255, np.uint8)
    return Example(
        np.random.default_rng(side).integers(1, 256, (side, side, 3), np.uint8), full, full
    )


def random_photos(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).random(shape, np.float32))


ONE = PhotoStore.of([[example()]])


def take_one(
    x: float, y: float, size: int, how: Augmentation, seed: int, count: int = COUNT
) -> Batch:
    """The same place of the one photograph several times."""
    return sample_crops(
        ONE, [CropPlacement(0, 0, (x, y))] * count, size, how, np.random.default_rng(seed)
    )


def only_move(move: Move) -> Augmentation:
    return replace(NO_AUGMENTATION, moves=((move, 1.0),))


def only_colour(colour: Colour, chance: float = 1.0) -> Augmentation:
    return replace(NO_AUGMENTATION, colours=((colour, chance),))


def equal(one: Batch, other: Batch) -> bool:
    return all(torch.equal(getattr(one, part), getattr(other, part)) for part in PARTS)


def differ(crops: Tensor) -> bool:
    """Whether no two crops of a batch are the same."""
    return len({crop.numpy().tobytes() for crop in crops}) == len(crops)


def hwc(photo: Tensor) -> npt.NDArray[np.float32]:
    """(C, H, W) as OpenCV has it."""
    return np.ascontiguousarray(photo.movedim(0, -1).numpy())


def test_the_reference_systems_eleven_are_there() -> None:
    names = {function.__name__ for function, _ in (*ALL.moves, *ALL.cameras, *ALL.colours)}
    moves = "horizontal_flip vertical_flip shift_scale_rotate elastic grid_distortion optical_distortion"
    colours = "brightness_contrast gamma hue_saturation gaussian_noise gaussian_blur"
    assert names == {*moves.split(), *colours.split(), "low_resolution", "illumination"}
    assert all(0 < chance <= 1 for _, chance in (*ALL.moves, *ALL.cameras, *ALL.colours))


def test_draws_are_where_they_say() -> None:
    drawn = draws()
    even, steep, bell = (
        drawn.uniform(2, 3, 9000),
        drawn.log_uniform(0.1, 10, 9000),
        drawn.normal(4, 9000),
    )
    assert {part.dtype for part in (even, steep, bell)} == {torch.float32}
    assert 2 <= even.min() < 2.01 and 2.99 < even.max() <= 3
    assert 0.099 < steep.min() < 0.11 and 9 < steep.max() < 10.01 and 0.8 < steep.median() < 1.25
    assert abs(bell.mean()) < 0.2 and 3.8 < bell.std() < 4.2


def test_without_augmentation_crops_are_crops() -> None:
    """Of two photographs, one of them at two sizes, in one batch."""
    examples = [[example(), example(150)], [noise(90)]]
    places = [
        CropPlacement(0, 0, (90, 110)),
        CropPlacement(1, 0, (40, 50)),
        CropPlacement(0, 1, (70, 62)),
        CropPlacement(0, 0, (50, 60), framed=True),
    ]
    got = sample_crops(
        PhotoStore.of(examples), places, SIDE, NO_AUGMENTATION, np.random.default_rng(0)
    )
    for place, photo, truth, inside in zip(places, got.photo, got.truth, got.inside, strict=True):
        whole = examples[place.photograph][place.size]
        rows, columns = (slice(int(c) - 32, int(c) + 33) for c in reversed(place.centre))
        seen = whole.inside[rows, columns]
        assert np.array_equal(truth[0] * 255, whole.truth[rows, columns])
        assert np.array_equal(inside[0] * 255, seen)
        assert np.allclose(
            hwc(photo) * 255,
            np.where(seen[..., None] > 0, whole.photo[rows, columns], 0),
            atol=1e-3,
        )


@pytest.mark.parametrize("move", [move for move, _ in ALL.moves])
def test_every_move_keeps_masks_binary_and_aligned(move: Move) -> None:
    got = take_one(100, 90, 96, only_move(move), 1)
    check_aligned(got)
    assert got.truth.flatten(1).any(dim=1).all()


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(8, 130), st.floats(0, 200), st.floats(0, 200))
def test_all_moves_together_keep_masks_binary_and_aligned(
    seed: int, size: int, x: float, y: float
) -> None:
    got = take_one(x, y, size, replace(NO_AUGMENTATION, moves=EVERY.moves), seed, 2)
    assert got.photo.shape == (2, 3, size, size)
    assert got.truth.shape == got.inside.shape == (2, 1, size, size)
    check_aligned(got)


def check_aligned(got: Batch) -> None:
    """What the photograph's channels repeat must have moved as the masks did."""
    inside = got.inside[:, 0] > 0
    assert {*got.truth.flatten().tolist(), *got.inside.flatten().tolist()} <= {0.0, 1.0}
    clear = inside & ((got.photo[:, 0] - 0.5).abs() > LEVEL)  # of the rounding to 256 levels
    assert torch.equal((got.photo[:, 0] > 0.5)[clear], (got.truth[:, 0] > 0)[clear])
    assert (got.photo[:, 2] >= 0.25 - LEVEL)[
        inside
    ].all()  # the least that the nearest pixel counts
    assert not got.photo.movedim(1, -1)[~inside].any()


def test_outside_stays_black_whatever_the_colours_do() -> None:
    got = take_one(30, 30, SIDE, EVERY, 0)
    outside = got.inside[:, 0] == 0
    assert outside.flatten(1).any(dim=1).all()
    assert not got.photo.movedim(1, -1)[outside].any()


def test_photographs_have_256_levels() -> None:
    levels = take_one(80, 120, SIDE, EVERY, 0).photo * 255
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert levels.min() == 0 and 200 < levels.max() <= 255.001


def test_a_seed_is_a_batch() -> None:
    one, same, other = (take_one(80, 120, SIDE, EVERY, seed) for seed in (7, 7, 8))
    assert equal(one, same)
    assert not torch.equal(one.photo, other.photo)
    assert not torch.equal(one.truth, other.truth)


def test_crops_of_a_batch_are_augmented_independently() -> None:
    photographs, places = PhotoStore.of([[noise()]]), [CropPlacement(0, 0, (80, 120))] * COUNT
    alone = [only_colour(colour) for colour, _ in ALL.colours]
    alone += [only_move(move) for move, _ in ALL.moves if move not in augmentation.FLIPS]
    alone += [replace(NO_AUGMENTATION, cameras=EVERY.cameras)]
    for how in (EVERY, *alone):
        assert differ(sample_crops(photographs, places, SIDE, how, np.random.default_rng(0)).photo)


def test_a_chance_is_each_crops_own() -> None:
    plain = take_one(80, 120, SIDE, NO_AUGMENTATION, 0, 1).photo
    for how in (
        only_colour(augmentation.gamma, 0.5),
        replace(NO_AUGMENTATION, moves=((augmentation.vertical_flip, 0.5),)),
    ):
        same = (take_one(80, 120, SIDE, how, 0, 60).photo == plain).flatten(1).all(dim=1)
        assert 15 < same.sum() < 45


def low_resolution(photo: Tensor, drawn: Draws) -> Tensor:
    """The camera as a colour."""
    return augmentation.low_resolution(photo, photo[:, :1], drawn)[0]


@pytest.mark.parametrize("colour", [low_resolution, *(colour for colour, _ in ALL.colours)])
def test_a_crop_is_not_changed_by_its_neighbour(colour: Colour) -> None:
    photo = random_photos(3, 3, 48, 48)
    other = photo.clone()
    other[1] = 1 - other[1]
    one, two = (colour(crops, draws()) for crops in (photo, other))
    assert torch.allclose(one[[0, 2]], two[[0, 2]], atol=1e-6)
    assert not torch.allclose(one[1], two[1], atol=0.1)


def test_framed_crops_keep_whole_pixels_while_others_move() -> None:
    """Both flips happen to all of them."""
    whole = noise()
    places = [CropPlacement(0, 0, (90, 110), framed=k % 3 == 0) for k in range(COUNT)]
    moves = replace(NO_AUGMENTATION, moves=EVERY.moves)
    got = sample_crops(PhotoStore.of([[whole]]), places, SIDE, moves, np.random.default_rng(0))
    turned = whole.photo[110 + 32 : 110 - 33 : -1, 90 + 32 : 90 - 33 : -1]
    for place, photo in zip(places, got.photo, strict=True):
        assert np.allclose(hwc(photo) * 255, turned, atol=1e-3) == place.framed
    assert differ(got.photo[[k for k, place in enumerate(places) if not place.framed]])


def test_the_photograph_is_left_alone() -> None:
    before = take_one(100, 100, 200, NO_AUGMENTATION, 0, 1)
    take_one(80, 120, SIDE, EVERY, 0)
    assert equal(before, take_one(100, 100, 200, NO_AUGMENTATION, 0, 1))


def test_coverage_keeps_what_half_of_a_pixel_would_lose() -> None:
    whole = example()
    thin = Example(
        whole.photo, (whole.truth // 4).astype(np.uint8), whole.inside
    )  # a quarter of each pixel is vessel
    for coverage in (False, True):
        place, rng = CropPlacement(0, 0, (90, 110)), np.random.default_rng(0)
        got = sample_crops(PhotoStore.of([[thin]]), [place], SIDE, NO_AUGMENTATION, rng, coverage)
        assert got.truth.max() == pytest.approx(63 * LEVEL if coverage else 0)
        assert set(got.inside.flatten().tolist()) <= {0.0, 1.0}


def test_flips_flip() -> None:
    plain, left, top = (
        take_one(90, 110, SIDE, how, 0, 2)
        for how in (
            NO_AUGMENTATION,
            only_move(augmentation.horizontal_flip),
            only_move(augmentation.vertical_flip),
        )
    )
    for part in PARTS:
        assert torch.equal(getattr(left, part), getattr(plain, part).flip(3))
        assert torch.equal(getattr(top, part), getattr(plain, part).flip(2))


Grid = npt.NDArray[np.float32]


def moved(move: Move, side: int = 101) -> tuple[Grid, Grid]:
    """The plain map and a dozen of moved ones."""
    plain = identity_grid(side)
    got = move(plain.expand(COUNT, -1, -1, -1).clone(), draws())
    assert got.shape == (COUNT, side, side, 2)
    assert got.dtype == torch.float32
    return plain.numpy(), got.numpy()


def test_shift_scale_rotate_is_that_and_nothing_else() -> None:
    angles = []
    plain, grids = moved(augmentation.shift_scale_rotate)
    for got in grids:
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
    plain, grids = moved(augmentation.elastic)
    for got in grids:
        shift = (got - plain) / 101
        assert 0.002 < np.abs(shift).mean() < 0.03
        assert np.abs(shift).max() < 0.08
        steps = np.diff(got[..., 0], axis=1), np.diff(got[..., 1], axis=0)
        assert all(step.min() > 0 and step.max() < 2 for step in steps)  # nothing folds over


def test_grid_distortion_stretches_rows_and_columns_and_keeps_the_edges() -> None:
    plain, grids = moved(augmentation.grid_distortion)
    for got in grids:
        assert not np.allclose(got, plain, atol=1)
        assert np.allclose(got[..., 0], got[:1, :, 0], atol=1e-5)  # a column stays one
        assert np.allclose(got[..., 1], got[:, :1, 1], atol=1e-5)
        assert np.abs(got - plain)[[0, -1]][..., 1].max() < 0.5
        steps = np.diff(got[0, :, 0])
        assert steps.min() > 0.55
        assert steps.max() < 1.65
        assert steps.max() / steps.min() <= 1.3 / 0.7 + 0.01


def test_optical_distortion_is_radial() -> None:
    signs = set()
    plain, grids = moved(augmentation.optical_distortion)
    for got in grids:
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
    photo = random_photos(3, 3, 40, 30)
    before = photo.clone()
    got = colour(photo, draws(1))
    assert got.shape == photo.shape
    assert got.dtype == torch.float32
    assert got.min() > -1e-5 and got.max() < 1 + 1e-5
    assert not (got == photo).flatten(1).all(dim=1).any()
    assert torch.equal(photo, before)
    assert torch.equal(got, colour(photo, draws(1)))


def test_brightness_contrast_is_a_line() -> None:
    for got in augmentation.brightness_contrast(LEVELS, draws()).numpy():
        assert (got == got[:1, :1]).all()
        line = got[0, 0] * 255
        free = (line > 0) & (line < 255)
        slope, _ = np.polyfit(np.arange(256)[free], line[free], 1)
        assert 0.7 - 1e-4 < slope < 1.3 + 1e-4
        assert abs(line[127:129].mean() - 127.5) <= 0.2 * 255 + 0.01


def test_gamma_keeps_black_and_white() -> None:
    for got in augmentation.gamma(LEVELS, draws())[:, 1, 0].numpy():
        assert (got[0], got[255]) == (0, 1)
        assert (np.diff(got) > 0).all()
        power = np.log(got[128]) / np.log(128 / 255)
        assert 0.6 - 1e-4 < power < 1.6 + 1e-4
        assert np.allclose(got, (np.arange(256) / 255) ** power, atol=1e-5)


def test_hue_saturation_keeps_greys_and_brightness() -> None:
    assert torch.allclose(augmentation.hue_saturation(LEVELS, draws()), LEVELS, atol=1e-6)
    photo = random_photos(COUNT, 3, 64, 64)
    got = augmentation.hue_saturation(photo, draws())
    assert torch.allclose(got.amax(dim=1), photo.amax(dim=1), atol=1e-6)
    red = torch.tensor([200.0, 40.0, 40.0]).view(3, 1, 1).expand(60, 3, 4, 4) * LEVEL
    hues = augmentation.hue_saturation(red, draws())[:, :, 0, 0]
    turned = cv2.cvtColor(hues.numpy()[None], cv2.COLOR_RGB2HSV)[0, :, 0]
    away = np.minimum(turned, 360 - turned)
    assert 15 < away.max() <= 20 + 1e-3
    assert {*np.sign(180 - turned)} == {-1, 1}


def test_hue_saturation_is_that_of_hsv() -> None:
    """In OpenCV's float images H is in degrees, S of 0 to 1. Pixels of equal channels are among these."""
    photo = (random_photos(COUNT, 3, 64, 64) * 8).round() / 8
    same = draws(3)
    turns, factors = (
        same.uniform(*ends, COUNT, 1, 1, 1).flatten().tolist() for ends in ((-20, 20), (0.5, 1.5))
    )
    for before, got, turn, factor in zip(
        photo, augmentation.hue_saturation(photo, draws(3)), turns, factors, strict=True
    ):
        hsv = cv2.cvtColor(hwc(before), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + turn) % 360
        hsv[..., 1] = np.minimum(hsv[..., 1] * factor, 1)
        np.testing.assert_allclose(hwc(got), cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), atol=1e-4)


def test_noise_has_no_bias_and_the_strength_that_it_says() -> None:
    noisy = (augmentation.gaussian_noise(MIDDLE, draws()).numpy() - 128 / 255) * 255
    for off in noisy:
        assert abs(off.mean()) < 0.3
        assert 1.9 < off.std() < 12.3
        assert abs(np.corrcoef(off[0].ravel(), off[1].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.05


def test_blur_spreads_a_point_by_0_3_to_1_5_pixels() -> None:
    point = torch.zeros(COUNT, 3, 41, 41)
    point[..., 18:23, 18:23] = 1
    spreads = spread(augmentation.gaussian_blur(point, draws())) - spread(point)
    assert spreads.min() > 0 and spreads.max() < 1.5**2 + 0.01
    assert torch.allclose(augmentation.gaussian_blur(MIDDLE, draws()), MIDDLE, atol=1e-6)


def spread(photo: Tensor) -> Tensor:
    """Variance along a row, in square pixels, of each."""
    weight = photo[:, 0].sum(dim=1)
    return (weight * (torch.arange(41) - 20) ** 2).sum(dim=1) / weight.sum(dim=1)


def test_blur_is_opencvs() -> None:
    photo = random_photos(COUNT, 3, 40, 30)
    sigmas = draws(3).uniform(0.3, 1.5, COUNT, 1).flatten().tolist()
    assert max(sigmas) > 1.3 and min(sigmas) < 0.5
    for before, got, sigma in zip(
        photo, augmentation.gaussian_blur(photo, draws(3)), sigmas, strict=True
    ):
        np.testing.assert_allclose(
            hwc(got), cv2.GaussianBlur(hwc(before), (11, 11), sigma), atol=1e-5
        )


def test_illumination_is_smooth_and_keeps_black() -> None:
    got = augmentation.illumination(MIDDLE, draws()) * 255
    assert got.diff(dim=-1).abs().max() <= 16
    assert (got[:, 0].flatten(1).amax(dim=1) - got[:, 0].flatten(1).amin(dim=1)).min() > 10
    assert not augmentation.illumination(torch.zeros(COUNT, 3, 8, 8), draws()).any()
