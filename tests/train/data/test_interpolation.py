"""Interpolation of stored photographs with OpenCV and with PyTorch."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from edgeseg_train.data.interpolation import (
    Interpolation,
    interpolate_with_opencv,
    interpolate_with_torch,
)

SIDES = (20, 47, 33)
STARTS = (0, 20**2, 20**2 + 47**2)
TOTAL = 20**2 + 47**2 + 33**2

# OpenCV rounds pixels to 1/255.
INTERPOLATIONS = [
    pytest.param(interpolate_with_opencv, 0.51 / 255, id="opencv"),
    pytest.param(interpolate_with_torch, 2e-5, id="torch"),
]


@pytest.fixture
def pixels() -> Tensor:
    """Return packed pixels of three examples."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (TOTAL, 4), np.uint8)).view(torch.int32)[:, 0]


@pytest.fixture
def fields() -> Tensor:
    """Return random fields of view of three examples."""
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.choice(np.array([0, 127, 255], np.uint8), TOTAL))


@pytest.mark.parametrize(("interpolate", "tolerance"), INTERPOLATIONS)
def test_interpolate_between_pixels_returns_the_linear_interpolation(
    interpolate: Interpolation, tolerance: float, pixels: Tensor, fields: Tensor
) -> None:
    rng, height, width = np.random.default_rng(2), 40, 30
    # Positions at odd 64ths are never halfway between two pixels. Some positions are up to 3 pixels
    # beyond the edges.
    positions = np.stack([rng.integers(-96, (s + 2) * 32, (height, width, 2)) for s in SIDES])
    positions = ((positions * 2 + 1) / 64).astype(np.float32)
    found, inside = interpolate(pixels, fields, STARTS, SIDES, torch.from_numpy(positions))
    assert found.shape == (3, 4, height, width) and found.dtype == torch.float32
    assert inside.shape == (3, 1, height, width) and inside.dtype == torch.uint8
    channels = pixels.view(torch.uint8).view(-1, 4).numpy().astype(np.float32) / 255
    for number, (start, side) in enumerate(zip(STARTS, SIDES, strict=True)):
        own = slice(start, start + side * side)
        x, y = np.moveaxis(positions[number], -1, 0).copy()
        expected = cv2.remap(
            channels[own].reshape(side, side, 4), x, y, cv2.INTER_LINEAR, None,
            cv2.BORDER_REPLICATE,
        )  # fmt: skip
        np.testing.assert_allclose(found[number].movedim(0, -1), expected, atol=tolerance)
        in_example = (np.minimum(x, y) > -0.5) & (np.maximum(x, y) < side - 0.5)
        assert 0.5 < in_example.mean() < 1
        column, row = (axis.round().astype(int).clip(0, side - 1) for axis in (x, y))
        nearest = fields[own].view(side, side).numpy()[row, column]
        np.testing.assert_array_equal(inside[number, 0], nearest * in_example)


@pytest.mark.parametrize(("interpolate", "tolerance"), INTERPOLATIONS)
@pytest.mark.parametrize("axis", [0, 1])
def test_interpolate_beyond_the_edges_is_outside_the_field_of_view(
    interpolate: Interpolation, tolerance: float, axis: int, pixels: Tensor
) -> None:
    full = torch.full((TOTAL,), 255, dtype=torch.uint8)
    for start, side in zip(STARTS, SIDES, strict=True):
        edge = torch.tensor([-1e6, -0.51, -0.49, 0, side - 1, side - 0.51, side - 0.49, 1e6])
        positions = torch.full((1, 1, 8, 2), side / 2)
        positions[0, 0, :, axis] = edge
        _, inside = interpolate(pixels, full, [start], [side], positions)
        assert (inside.flatten() > 0).tolist() == [False, False, *[True] * 4, False, False]
