"""Geometric transforms of sampling grids."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from edgeseg_train.data import geometric_transforms as geometric
from edgeseg_train.data.geometric_transforms import GridTransform, identity_grid
from edgeseg_train.data.random_source import RandomSource

COUNT = 12


def make_random(seed: int = 0) -> RandomSource:
    return RandomSource(np.random.default_rng(seed))


Grid = npt.NDArray[np.float32]


def transform_grid(transform: GridTransform, side: int = 101) -> tuple[Grid, Grid]:
    """Return the identity grid and a dozen of transformed grids."""
    plain = identity_grid(side)
    result = transform(plain.expand(COUNT, -1, -1, -1).clone(), make_random())
    assert result.shape == (COUNT, side, side, 2)
    assert result.dtype == torch.float32
    return plain.numpy(), result.numpy()


def test_shift_scale_rotate_is_a_similarity_transform() -> None:
    angles = []
    plain, grids = transform_grid(geometric.shift_scale_rotate)
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
    plain, grids = transform_grid(geometric.elastic)
    for result in grids:
        shift = (result - plain) / 101
        assert 0.002 < np.abs(shift).mean() < 0.03
        assert np.abs(shift).max() < 0.08
        steps = np.diff(result[..., 0], axis=1), np.diff(result[..., 1], axis=0)
        assert all(step.min() > 0 and step.max() < 2 for step in steps)  # no folding


def test_grid_distortion_stretches_rows_and_columns_between_fixed_edges() -> None:
    plain, grids = transform_grid(geometric.grid_distortion)
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
    plain, grids = transform_grid(geometric.optical_distortion)
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
