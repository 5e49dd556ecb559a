"""Simulated cameras: each effect, and reproducible photographs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from edgeseg.datasets import open_data
from edgeseg.imaging.arrays import Photo
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.synthetic import generate_photo
from edgeseg_train.data import cameras
from edgeseg_train.data.photo_store import load_examples
from edgeseg_train.data.transforms import ColourTransform, RandomSource

GREY = torch.full((6, 3, 61, 90), 0.5)
PHOTO = generate_photo(3, 200).photo


def make_random(seed: int = 0) -> RandomSource:
    return RandomSource(np.random.default_rng(seed))


@pytest.mark.parametrize("transform", [transform for transform, _ in cameras.CAMERA])
def test_camera_transform_keeps_shape_and_range(transform: ColourTransform) -> None:
    photo = torch.rand((4, 3, 1001, 90), generator=torch.Generator().manual_seed(1))
    result = transform(photo, make_random())
    assert result.shape == photo.shape
    assert result.dtype == torch.float32
    assert result.min() >= 0
    assert result.max() <= 1
    assert (result != photo).any(dim=(1, 2, 3)).all()


def test_vignette_only_darkens() -> None:
    result = cameras.vignette(GREY, make_random())
    assert (result <= GREY).all()
    assert result.min() >= 0.2 * 0.5
    assert (result.amax(dim=(1, 2, 3)) > result.amin(dim=(1, 2, 3)) + 0.01).all()


def test_haze_reduces_the_contrast() -> None:
    photo = torch.rand((6, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    assert (cameras.haze(photo, make_random()).std(dim=(2, 3)) < photo.std(dim=(2, 3))).all()


def test_exposure_changes_the_mean_by_its_gain() -> None:
    means = cameras.exposure(GREY, make_random()).mean(dim=(1, 2, 3))
    assert means.min() >= 0.5 * 0.12 - 0.01
    assert means.max() - means.min() > 0.2


@pytest.mark.parametrize("height", [200, 2000])
def test_exposure_noise_of_neighbouring_pixels_is_correlated(height: int) -> None:
    noise = cameras.exposure(torch.full((12, 3, height, 60), 0.45), make_random()) - 0.45
    noise = noise - noise.mean(dim=(2, 3), keepdim=True)
    product = (noise[..., 1:] * noise[..., :-1]).mean(dim=(1, 2, 3))
    correlation = product / noise.square().mean(dim=(1, 2, 3))
    assert correlation.min() >= -0.1
    assert correlation.max() > 0.7
    assert (noise.std(dim=(1, 2, 3)) <= 5 / 255 + 1e-3).all()


@pytest.mark.parametrize("height", [2000, 3000])
def test_defocus_blur_is_relative_to_the_height(height: int) -> None:
    """The variance over the columns of a blurred line is the square of the sigma."""
    photo = torch.zeros((8, 3, height, 121))
    photo[..., 60] = 1
    profile = cameras.defocus(photo, make_random())[:, 0, height // 2]
    variance = (profile * (torch.arange(121) - 60.0) ** 2).sum(dim=1)
    sigmas = variance.sqrt() / height
    expected = make_random().log_uniform(1 / 2000, 1 / 300, 8)
    assert torch.allclose(sigmas, expected, rtol=0.02)


def test_camera_transform_accepts_a_sigma_of_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RandomSource, "uniform", lambda self, low, high, *shape: torch.zeros(shape))
    monkeypatch.setattr(RandomSource, "log_uniform", RandomSource.uniform)
    assert torch.equal(cameras.defocus(GREY, make_random()), GREY)
    assert cameras.exposure(GREY, make_random()).isfinite().all()


def test_colour_cast_mixes_channels() -> None:
    red = torch.zeros((50, 3, 4, 4))
    red[:, 0] = 0.6
    result = cameras.colour_cast(red, make_random())
    assert (result[:, 1:] > 0).any()
    assert (result[:, 0] <= 0.6 * 1.4 + 1e-6).all()


def test_jpeg_is_close_to_the_jpeg_of_opencv() -> None:
    """A smooth grey image is changed by about as much as in a real JPEG file."""
    grey = cv2.GaussianBlur(PHOTO[:, :, 1], (0, 0), 1)
    encoded = cv2.imencode(".jpg", grey, (cv2.IMWRITE_JPEG_QUALITY, 40))[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.float32)
    expected = decoded - grey
    photo = (torch.from_numpy(grey).float() / 255).expand(8, 3, -1, -1)
    changes = (cameras.jpeg(photo, make_random()) - photo).std(dim=(1, 2, 3)) * 255
    assert 0.3 * expected.std() < changes.min()
    assert changes.max() < 3 * expected.std()


def test_simulate_camera_is_reproducible_and_varied() -> None:
    def simulate(seed: int) -> Photo:
        return cameras.simulate_camera(PHOTO, np.random.default_rng(seed))

    first, again, other = simulate(1), simulate(1), simulate(2)
    assert first.shape == PHOTO.shape
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_load_examples_with_a_camera_changes_only_the_photograph(small_pairs: str) -> None:
    pair = open_data(small_pairs, "all").pairs[0]
    config = preprocessing_preset("edge", 96)
    (plain,) = load_examples(pair, config, (96,))
    (changed,) = load_examples(pair, config, (96,), np.random.default_rng(5))
    assert np.array_equal(plain.truth, changed.truth)
    assert np.array_equal(plain.inside, changed.inside)
    assert not np.array_equal(plain.photo, changed.photo)
