"""Transforms of crops: sampling grids, colours, noise, blur and camera resolution."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from edgeseg_train.data import transforms
from edgeseg_train.data.augmentation import Augmentation
from edgeseg_train.data.transforms import (
    ColourTransform,
    GridTransform,
    RandomSource,
    identity_grid,
)

ALL = Augmentation()
COUNT = 12
LEVEL = 1 / 255
MIDDLE = torch.full((COUNT, 3, 128, 128), 128 * LEVEL)
LEVELS = (torch.arange(256) / 255).expand(COUNT, 3, 9, 256)

Grid = npt.NDArray[np.float32]


def make_random(seed: int = 0) -> RandomSource:
    return RandomSource(np.random.default_rng(seed))


def test_random_source_values_are_in_range() -> None:
    random = make_random()
    uniform = random.uniform(2, 3, 9000)
    log_uniform = random.log_uniform(0.1, 10, 9000)
    normal = random.normal(4, 9000)
    assert {values.dtype for values in (uniform, log_uniform, normal)} == {torch.float32}
    assert 2 <= uniform.min() < 2.01 and 2.99 < uniform.max() <= 3
    assert 0.099 < log_uniform.min() < 0.11 and 9 < log_uniform.max() < 10.01
    assert 0.8 < log_uniform.median() < 1.25
    assert abs(normal.mean()) < 0.2 and 3.8 < normal.std() < 4.2


def transform_grid(transform: GridTransform, side: int = 101) -> tuple[Grid, Grid]:
    """Return the identity grid and twelve transformed grids."""
    plain = identity_grid(side)
    result = transform(plain.expand(COUNT, -1, -1, -1).clone(), make_random())
    assert result.shape == (COUNT, side, side, 2)
    assert result.dtype == torch.float32
    return plain.numpy(), result.numpy()


def test_shift_scale_rotate_is_a_similarity_transform() -> None:
    angles = []
    plain, grids = transform_grid(transforms.shift_scale_rotate)
    for result in grids:
        points = np.c_[plain.reshape(-1, 2), np.ones(plain.size // 2)]
        fit, *_ = np.linalg.lstsq(points, result.reshape(-1, 2), rcond=None)
        assert np.allclose(points @ fit, result.reshape(-1, 2), atol=1e-3)
        (a, b), (c, d), shift = fit
        assert np.allclose([a, b], [d, -c], atol=1e-5)  # no reflection and no shear
        assert 0.75 - 1e-4 <= 1 / np.hypot(a, b) <= 1 / 0.75 + 1e-4
        assert np.abs(shift).max() <= 0.06 * 101 + 1e-3
        angles.append(np.arctan2(b, a))
    assert np.ptp(angles) > np.pi


def test_elastic_is_small_and_smooth() -> None:
    plain, grids = transform_grid(transforms.elastic)
    for result in grids:
        shift = (result - plain) / 101
        assert 0.002 < np.abs(shift).mean() < 0.03
        assert np.abs(shift).max() < 0.08
        steps = np.diff(result[..., 0], axis=1), np.diff(result[..., 1], axis=0)
        assert all(step.min() > 0 and step.max() < 2 for step in steps)  # no folding


def test_grid_distortion_stretches_rows_and_columns_between_fixed_edges() -> None:
    plain, grids = transform_grid(transforms.grid_distortion)
    for result in grids:
        assert not np.allclose(result, plain, atol=1)
        assert np.allclose(result[..., 0], result[:1, :, 0], atol=1e-5)  # columns stay straight
        assert np.allclose(result[..., 1], result[:, :1, 1], atol=1e-5)
        assert np.abs(result - plain)[[0, -1]][..., 1].max() < 0.5
        steps = np.diff(result[0, :, 0])
        assert steps.min() > 0.55
        assert steps.max() < 1.65
        assert steps.max() / steps.min() <= 1.3 / 0.7 + 0.01


def test_optical_distortion_is_radial() -> None:
    signs = set()
    plain, grids = transform_grid(transforms.optical_distortion)
    for result in grids:
        middle = 50
        assert not result[middle, middle].any()
        factor = result[middle, middle + 1 :, 0] / plain[middle, middle + 1 :, 0]
        square = (plain[middle, middle + 1 :, 0] / 50.5) ** 2
        k = (factor[-1] - 1) / square[-1]
        assert abs(k) <= 0.15 + 1e-5
        assert np.allclose(factor, 1 + k * square, atol=1e-4)
        cross = plain[..., 0] * result[..., 1] - plain[..., 1] * result[..., 0]
        assert np.allclose(cross, 0, atol=1e-2)
        signs.add(np.sign(k))
    assert signs == {-1, 1}


def random_photos(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).random(shape, np.float32))


def to_opencv(photo: Tensor) -> npt.NDArray[np.float32]:
    """Convert (C, H, W) to (H, W, C)."""
    return np.ascontiguousarray(photo.movedim(0, -1).numpy())


def low_resolution(photo: Tensor, random: RandomSource) -> Tensor:
    """Return the photograph of the camera transform."""
    return transforms.low_resolution(photo, photo[:, :1], random)[0]


@pytest.mark.parametrize("colour", [low_resolution, *(colour for colour, _ in ALL.colour)])
def test_colour_transform_ignores_other_crops(colour: ColourTransform) -> None:
    photo = random_photos(3, 3, 48, 48)
    other = photo.clone()
    other[1] = 1 - other[1]
    one, two = (colour(crops, make_random()) for crops in (photo, other))
    assert torch.allclose(one[[0, 2]], two[[0, 2]], atol=1e-6)
    assert not torch.allclose(one[1], two[1], atol=0.1)


@pytest.mark.parametrize("colour", [colour for colour, _ in ALL.colour])
def test_colour_transform_keeps_shape_dtype_and_input(colour: ColourTransform) -> None:
    photo = random_photos(3, 3, 40, 30)
    before = photo.clone()
    result = colour(photo, make_random(1))
    assert result.shape == photo.shape
    assert result.dtype == torch.float32
    assert result.min() > -1e-5 and result.max() < 1 + 1e-5
    assert not (result == photo).flatten(1).all(dim=1).any()
    assert torch.equal(photo, before)
    assert torch.equal(result, colour(photo, make_random(1)))


def test_brightness_contrast_is_linear() -> None:
    for result in transforms.brightness_contrast(LEVELS, make_random()).numpy():
        assert (result == result[:1, :1]).all()
        line = result[0, 0] * 255
        free = (line > 0) & (line < 255)
        slope, _ = np.polyfit(np.arange(256)[free], line[free], 1)
        assert 0.7 - 1e-4 < slope < 1.3 + 1e-4
        assert abs(line[127:129].mean() - 127.5) <= 0.2 * 255 + 0.01


def test_gamma_keeps_black_and_white() -> None:
    for result in transforms.gamma(LEVELS, make_random())[:, 1, 0].numpy():
        assert (result[0], result[255]) == (0, 1)
        assert (np.diff(result) > 0).all()
        power = np.log(result[128]) / np.log(128 / 255)
        assert 0.6 - 1e-4 < power < 1.6 + 1e-4
        assert np.allclose(result, (np.arange(256) / 255) ** power, atol=1e-5)


def test_hue_saturation_keeps_greys_and_value() -> None:
    assert torch.allclose(transforms.hue_saturation(LEVELS, make_random()), LEVELS, atol=1e-6)
    photo = random_photos(COUNT, 3, 64, 64)
    result = transforms.hue_saturation(photo, make_random())
    assert torch.allclose(result.amax(dim=1), photo.amax(dim=1), atol=1e-6)
    red = torch.tensor([200.0, 40.0, 40.0]).view(3, 1, 1).expand(60, 3, 4, 4) * LEVEL
    hues = transforms.hue_saturation(red, make_random())[:, :, 0, 0]
    turned = cv2.cvtColor(hues.numpy()[None], cv2.COLOR_RGB2HSV)[0, :, 0]
    away = np.minimum(turned, 360 - turned)
    assert 15 < away.max() <= 20 + 1e-3
    assert {*np.sign(180 - turned)} == {-1, 1}


def test_hue_saturation_matches_opencv_hsv() -> None:
    """In OpenCV's float images, H is in degrees, and S is from 0 to 1. Some pixels are grey."""
    photo = (random_photos(COUNT, 3, 64, 64) * 8).round() / 8
    same = make_random(3)
    turns, factors = (
        same.uniform(*ends, COUNT, 1, 1, 1).flatten().tolist() for ends in ((-20, 20), (0.5, 1.5))
    )
    for before, result, turn, factor in zip(
        photo, transforms.hue_saturation(photo, make_random(3)), turns, factors, strict=True
    ):
        hsv = cv2.cvtColor(to_opencv(before), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + turn) % 360
        hsv[..., 1] = np.minimum(hsv[..., 1] * factor, 1)
        np.testing.assert_allclose(
            to_opencv(result), cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), atol=1e-4
        )


def test_gaussian_noise_has_mean_0_and_expected_deviation() -> None:
    noisy = (transforms.gaussian_noise(MIDDLE, make_random()).numpy() - 128 / 255) * 255
    for off in noisy:
        assert abs(off.mean()) < 0.3
        assert 1.9 < off.std() < 12.3
        assert abs(np.corrcoef(off[0].ravel(), off[1].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.05


def test_gaussian_blur_adds_expected_variance() -> None:
    point = torch.zeros(COUNT, 3, 41, 41)
    point[..., 18:23, 18:23] = 1
    spreads = spread(transforms.gaussian_blur(point, make_random())) - spread(point)
    assert spreads.min() > 0 and spreads.max() < 1.5**2 + 0.01
    assert torch.allclose(transforms.gaussian_blur(MIDDLE, make_random()), MIDDLE, atol=1e-6)


def spread(photo: Tensor) -> Tensor:
    """Return the variance along a row of each photograph, in square pixels."""
    weight = photo[:, 0].sum(dim=1)
    return (weight * (torch.arange(41) - 20) ** 2).sum(dim=1) / weight.sum(dim=1)


def test_gaussian_blur_matches_opencv() -> None:
    photo = random_photos(COUNT, 3, 40, 30)
    sigmas = make_random(3).uniform(0.3, 1.5, COUNT, 1).flatten().tolist()
    assert max(sigmas) > 1.3 and min(sigmas) < 0.5
    for before, result, sigma in zip(
        photo, transforms.gaussian_blur(photo, make_random(3)), sigmas, strict=True
    ):
        np.testing.assert_allclose(
            to_opencv(result), cv2.GaussianBlur(to_opencv(before), (11, 11), sigma), atol=1e-5
        )


def test_illumination_is_smooth_and_keeps_black() -> None:
    result = transforms.illumination(MIDDLE, make_random()) * 255
    assert result.diff(dim=-1).abs().max() <= 16
    assert (result[:, 0].flatten(1).amax(dim=1) - result[:, 0].flatten(1).amin(dim=1)).min() > 10
    assert not transforms.illumination(torch.zeros(COUNT, 3, 8, 8), make_random()).any()


def simulate_cameras(image: Tensor) -> tuple[Tensor, Tensor]:
    """Simulate twelve cameras on one image (H, W), which is both photograph and mask."""
    truth = image.expand(12, 1, -1, -1)
    return transforms.low_resolution(
        truth.expand(-1, 3, -1, -1), truth, RandomSource(np.random.default_rng(0))
    )


def test_low_resolution_widens_thin_vessels_more_than_wide_vessels() -> None:
    thin, wide = (torch.zeros(65, 65) for _ in range(2))
    thin[:, 32] = 1
    wide[:, 22:42] = 1
    thinner, wider = (
        simulate_cameras(truth)[1].sum(dim=(1, 2, 3)) / truth.sum() for truth in (thin, wide)
    )
    assert thinner.min() > 1.15 and thinner.max() < 2.1
    assert wider.min() > 0.98 and wider.max() < 1.12


def test_low_resolution_blurs_and_adds_correlated_noise() -> None:
    edge = torch.zeros(64, 64)
    edge[:, 32:] = 1
    result = simulate_cameras(edge)[0] * 255
    assert result.min() >= 0 and result.max() <= 255.01
    steps = result.diff(dim=-1).abs().amax(dim=(1, 2, 3))
    assert steps.min() > 0 and steps.max() < 240
    assert result[..., :16].mean(dim=(1, 2, 3)).max() < 5
    assert result[..., -16:].mean(dim=(1, 2, 3)).min() > 250
    for off in simulate_cameras(torch.full((128, 128), 128 / 255))[0][:, 0].numpy() * 255 - 128:
        assert abs(off.mean()) < 0.5
        assert off.std() < 0.5 or np.corrcoef(off[:, 1:].ravel(), off[:, :-1].ravel())[0, 1] > 0.1
