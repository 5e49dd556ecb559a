"""Photometric transforms: colours, noise, blur and camera resolution."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from edgeseg_train.data import photometric_transforms as photometric
from edgeseg_train.data.augmentation import Augmentation
from edgeseg_train.data.photometric_transforms import ColourTransform
from edgeseg_train.data.random_source import RandomSource

ALL = Augmentation()
COUNT = 12
LEVEL = 1 / 255
MIDDLE = torch.full((COUNT, 3, 128, 128), 128 * LEVEL)
LEVELS = (torch.arange(256) / 255).expand(COUNT, 3, 9, 256)


def make_random(seed: int = 0) -> RandomSource:
    return RandomSource(np.random.default_rng(seed))


def random_photos(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).random(shape, np.float32))


def to_opencv(photo: Tensor) -> npt.NDArray[np.float32]:
    """Convert (C, H, W) to (H, W, C)."""
    return np.ascontiguousarray(photo.movedim(0, -1).numpy())


def low_resolution(photo: Tensor, random: RandomSource) -> Tensor:
    """Return the photograph of the camera transform."""
    return photometric.low_resolution(photo, photo[:, :1], random)[0]


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
    for result in photometric.brightness_contrast(LEVELS, make_random()).numpy():
        assert (result == result[:1, :1]).all()
        line = result[0, 0] * 255
        free = (line > 0) & (line < 255)
        slope, _ = np.polyfit(np.arange(256)[free], line[free], 1)
        assert 0.7 - 1e-4 < slope < 1.3 + 1e-4
        assert abs(line[127:129].mean() - 127.5) <= 0.2 * 255 + 0.01


def test_gamma_keeps_black_and_white() -> None:
    for result in photometric.gamma(LEVELS, make_random())[:, 1, 0].numpy():
        assert (result[0], result[255]) == (0, 1)
        assert (np.diff(result) > 0).all()
        power = np.log(result[128]) / np.log(128 / 255)
        assert 0.6 - 1e-4 < power < 1.6 + 1e-4
        assert np.allclose(result, (np.arange(256) / 255) ** power, atol=1e-5)


def test_hue_saturation_keeps_greys_and_value() -> None:
    assert torch.allclose(photometric.hue_saturation(LEVELS, make_random()), LEVELS, atol=1e-6)
    photo = random_photos(COUNT, 3, 64, 64)
    result = photometric.hue_saturation(photo, make_random())
    assert torch.allclose(result.amax(dim=1), photo.amax(dim=1), atol=1e-6)
    red = torch.tensor([200.0, 40.0, 40.0]).view(3, 1, 1).expand(60, 3, 4, 4) * LEVEL
    hues = photometric.hue_saturation(red, make_random())[:, :, 0, 0]
    turned = cv2.cvtColor(hues.numpy()[None], cv2.COLOR_RGB2HSV)[0, :, 0]
    away = np.minimum(turned, 360 - turned)
    assert 15 < away.max() <= 20 + 1e-3
    assert {*np.sign(180 - turned)} == {-1, 1}


def test_hue_saturation_matches_opencv_hsv() -> None:
    """In OpenCV's float images H is in degrees and S from 0 to 1. Some pixels are grey."""
    photo = (random_photos(COUNT, 3, 64, 64) * 8).round() / 8
    same = make_random(3)
    turns, factors = (
        same.uniform(*ends, COUNT, 1, 1, 1).flatten().tolist() for ends in ((-20, 20), (0.5, 1.5))
    )
    for before, result, turn, factor in zip(
        photo, photometric.hue_saturation(photo, make_random(3)), turns, factors, strict=True
    ):
        hsv = cv2.cvtColor(to_opencv(before), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + turn) % 360
        hsv[..., 1] = np.minimum(hsv[..., 1] * factor, 1)
        np.testing.assert_allclose(
            to_opencv(result), cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), atol=1e-4
        )


def test_gaussian_noise_has_mean_0_and_expected_deviation() -> None:
    noisy = (photometric.gaussian_noise(MIDDLE, make_random()).numpy() - 128 / 255) * 255
    for off in noisy:
        assert abs(off.mean()) < 0.3
        assert 1.9 < off.std() < 12.3
        assert abs(np.corrcoef(off[0].ravel(), off[1].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.05


def test_gaussian_blur_adds_expected_variance() -> None:
    point = torch.zeros(COUNT, 3, 41, 41)
    point[..., 18:23, 18:23] = 1
    spreads = spread(photometric.gaussian_blur(point, make_random())) - spread(point)
    assert spreads.min() > 0 and spreads.max() < 1.5**2 + 0.01
    assert torch.allclose(photometric.gaussian_blur(MIDDLE, make_random()), MIDDLE, atol=1e-6)


def spread(photo: Tensor) -> Tensor:
    """Return the variance along a row of each photograph, in square pixels."""
    weight = photo[:, 0].sum(dim=1)
    return (weight * (torch.arange(41) - 20) ** 2).sum(dim=1) / weight.sum(dim=1)


def test_gaussian_blur_matches_opencv() -> None:
    photo = random_photos(COUNT, 3, 40, 30)
    sigmas = make_random(3).uniform(0.3, 1.5, COUNT, 1).flatten().tolist()
    assert max(sigmas) > 1.3 and min(sigmas) < 0.5
    for before, result, sigma in zip(
        photo, photometric.gaussian_blur(photo, make_random(3)), sigmas, strict=True
    ):
        np.testing.assert_allclose(
            to_opencv(result), cv2.GaussianBlur(to_opencv(before), (11, 11), sigma), atol=1e-5
        )


def test_illumination_is_smooth_and_keeps_black() -> None:
    result = photometric.illumination(MIDDLE, make_random()) * 255
    assert result.diff(dim=-1).abs().max() <= 16
    assert (result[:, 0].flatten(1).amax(dim=1) - result[:, 0].flatten(1).amin(dim=1)).min() > 10
    assert not photometric.illumination(torch.zeros(COUNT, 3, 8, 8), make_random()).any()


def simulate_cameras(image: Tensor) -> tuple[Tensor, Tensor]:
    """Simulate twelve cameras on the same image (H, W), which is photograph and truth."""
    truth = image.expand(12, 1, -1, -1)
    return photometric.low_resolution(
        truth.expand(-1, 3, -1, -1), truth, RandomSource(np.random.default_rng(0))
    )


def test_low_resolution_widens_thin_vessels_more_than_wide_ones() -> None:
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
