"""Crops and validation photographs as from a camera of few pixels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from edgeseg.datasets import DataSet
from edgeseg.datasets.synthetic_pairs import SyntheticPair
from edgeseg_train.data import augmentation
from edgeseg_train.data.low_resolution import COARSE_WIDTH, ReducedPair, at_low_resolution

DRAWN = DataSet("drawn", "validation", (SyntheticPair("one", "validation", 3),))


def test_a_reduced_pair_is_smaller_and_its_vessels_are_marked_wider() -> None:
    whole, small = DRAWN.pairs[0].load(), at_low_resolution([DRAWN])[0].pairs[0].load()
    assert small.photo.shape == (COARSE_WIDTH, COARSE_WIDTH, 3) and small.photo.dtype == np.uint8
    assert small.truth.shape == (COARSE_WIDTH, COARSE_WIDTH) and set(np.unique(small.truth)) == {
        0,
        255,
    }
    assert whole.truth.mean() * 1.05 < small.truth.mean() < whole.truth.mean() * 2
    assert small.fov is not None and set(np.unique(small.fov)) == {0, 255}


def test_a_pair_of_few_pixels_stays_as_it_is() -> None:
    pair = SyntheticPair("small", "validation", 3, 400)
    whole, same = pair.load(), ReducedPair(pair).load()
    assert (ReducedPair(pair).name, ReducedPair(pair).split) == ("small", "validation")
    np.testing.assert_array_equal(whole.photo, same.photo)
    np.testing.assert_array_equal(whole.truth, same.truth)


def crops_at_low_resolution(image: Tensor) -> tuple[Tensor, Tensor]:
    """A dozen of photographs and their truths, of one image (H, W) both, each as from a camera of its own."""
    truth = image.expand(12, 1, -1, -1)
    return augmentation.low_resolution(
        truth.expand(-1, 3, -1, -1), truth, augmentation.Draws(np.random.default_rng(0))
    )


def test_at_low_resolution_thin_vessels_are_marked_wider_and_wide_ones_hardly() -> None:
    thin, wide = (torch.zeros(65, 65) for _ in range(2))
    thin[:, 32] = 1
    wide[:, 22:42] = 1
    thinner, wider = (
        crops_at_low_resolution(truth)[1].sum(dim=(1, 2, 3)) / truth.sum() for truth in (thin, wide)
    )
    assert thinner.min() > 1.15 and thinner.max() < 2.1
    assert wider.min() > 0.98 and wider.max() < 1.12


def test_low_resolution_blurs_and_adds_noise_that_neighbours_share() -> None:
    edge = torch.zeros(64, 64)
    edge[:, 32:] = 1
    got = crops_at_low_resolution(edge)[0] * 255
    assert got.min() >= 0 and got.max() <= 255.01
    steps = got.diff(dim=-1).abs().amax(dim=(1, 2, 3))
    assert steps.min() > 0 and steps.max() < 240
    assert got[..., :16].mean(dim=(1, 2, 3)).max() < 5
    assert got[..., -16:].mean(dim=(1, 2, 3)).min() > 250
    for off in (
        crops_at_low_resolution(torch.full((128, 128), 128 / 255))[0][:, 0].numpy() * 255 - 128
    ):
        assert abs(off.mean()) < 0.5
        assert off.std() < 0.5 or np.corrcoef(off[:, 1:].ravel(), off[:, :-1].ravel())[0, 1] > 0.1
