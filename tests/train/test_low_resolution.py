"""Crops and validation photographs as from a camera of few pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.arrays import Photo
from edgeseg.datasets import DataSet
from edgeseg.datasets.drawn import DrawnPair
from edgeseg.preprocessing import preset
from edgeseg_train import augment
from edgeseg_train.checkpoint import Checkpoint, WorkingSize
from edgeseg_train.low_resolution import COARSE_WIDTH, ReducedPair, at_low_resolution
from edgeseg_train.network import build, named
from edgeseg_train.thresholds import choose_thresholds
from edgeseg_train.validate import hold

DRAWN = DataSet("drawn", "validation", (DrawnPair("one", "validation", 3),))


def test_a_reduced_pair_is_smaller_and_its_vessels_are_marked_wider() -> None:
    whole, small = DRAWN.pairs[0].load(), at_low_resolution([DRAWN])[0].pairs[0].load()
    assert small.photo.shape == (COARSE_WIDTH, COARSE_WIDTH, 3) and small.photo.dtype == np.uint8
    assert small.truth.shape == (COARSE_WIDTH, COARSE_WIDTH) and set(np.unique(small.truth)) == {0, 255}
    assert whole.truth.mean() * 1.05 < small.truth.mean() < whole.truth.mean() * 2
    assert small.fov is not None and set(np.unique(small.fov)) == {0, 255}


def test_a_pair_of_few_pixels_stays_as_it_is() -> None:
    pair = DrawnPair("small", "validation", 3, 400)
    whole, same = pair.load(), ReducedPair(pair).load()
    assert (ReducedPair(pair).name, ReducedPair(pair).split) == ("small", "validation")
    np.testing.assert_array_equal(whole.photo, same.photo)
    np.testing.assert_array_equal(whole.truth, same.truth)


def test_a_threshold_serves_both(capsys: pytest.CaptureFixture[str]) -> None:
    how, tiny = preset("edge", 96), named("tiny")
    sizes = (WorkingSize("default", 96), WorkingSize("detail", 128))
    begun = Checkpoint(tiny, build(tiny).state_dict(), how, sizes, ())
    chosen = choose_thresholds(begun, [DRAWN], hold([DRAWN], how, 96))
    told = capsys.readouterr().err
    for size in chosen.sizes:
        found = chosen.evidence[size.name]
        assert set(found) == {"mean", "drawn", "drawn at 565"}
        assert found["mean"] == pytest.approx((found["drawn"] + found["drawn at 565"]) / 2)
        assert f"{size.name} {size.size}: threshold {size.threshold:.3f}" in told


def crop_at_low_resolution(photo: Photo, seed: int) -> npt.NDArray[np.float64]:
    return augment.low_resolution(photo, photo[..., 0], np.random.default_rng(seed))[0].astype(float)


def test_at_low_resolution_thin_vessels_are_marked_wider_and_wide_ones_hardly() -> None:
    for seed in range(12):
        thin, wide = (np.zeros((65, 65), np.uint8) for _ in range(2))
        thin[:, 32] = 255
        wide[:, 22:42] = 255
        photo = np.repeat(thin[..., None], 3, axis=-1)
        areas = [
            augment.low_resolution(photo, truth, np.random.default_rng(seed))[1].sum() / truth.sum(dtype=float)
            for truth in (thin, wide)
        ]
        assert 1.15 < areas[0] < 2.1
        assert 0.98 < areas[1] < 1.12


def test_low_resolution_blurs_and_adds_noise_that_neighbours_share() -> None:
    edge = np.zeros((64, 64, 3), np.uint8)
    edge[:, 32:] = 255
    for seed in range(12):
        got = crop_at_low_resolution(edge, seed)
        assert 0 < np.abs(np.diff(got, axis=1)).max() < 240
        assert abs(got[:, :16].mean()) < 5
        assert abs(got[:, -16:].mean() - 255) < 5
        off = crop_at_low_resolution(np.full((128, 128, 3), 128, np.uint8), seed)[..., 0] - 128
        assert abs(off.mean()) < 0.5
        assert off.std() < 0.5 or np.corrcoef(off[:, 1:].ravel(), off[:, :-1].ravel())[0, 1] > 0.1
