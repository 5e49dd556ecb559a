"""Augmentations that move pixels.

Each transform maps sampling grids to sampling grids, so that any number of them composes and a
crop is interpolated only once. A grid is (N, H, W, 2) float32: for each output pixel, x and y
from the centre of the crop in the photograph, in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from edgeseg_train.data.random_source import RandomSource
from edgeseg_train.training.compute import CPU

# Function from grids (N, H, W, 2) and random numbers to grids.
GridTransform: TypeAlias = Callable[[Tensor, RandomSource], Tensor]


def identity_grid(size: int, device: torch.device = CPU) -> Tensor:
    """Return the grid (size, size, 2) of a crop without transforms."""
    axis = torch.arange(size, dtype=torch.float32, device=device) - (size - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], dim=-1)


def horizontal_flip(grid: Tensor, random: RandomSource) -> Tensor:
    """Swap left and right."""
    return grid.flip(2)


def vertical_flip(grid: Tensor, random: RandomSource) -> Tensor:
    """Swap top and bottom."""
    return grid.flip(1)


def shift_scale_rotate(grid: Tensor, random: RandomSource) -> Tensor:
    """Shift by up to 6 % of the crop's side, scale by 0.75 to 1.33, rotate by any angle."""
    count, side = grid.shape[:2]
    angle = random.uniform(-math.pi, math.pi, count)
    scale = random.log_uniform(0.75, 1 / 0.75, count)
    shift = random.uniform(-0.06, 0.06, count, 1, 1, 2) * side
    cos, sin = ((value / scale)[:, None, None] for value in (angle.cos(), angle.sin()))
    x, y = grid.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y], dim=-1) + shift


def elastic(grid: Tensor, random: RandomSource) -> Tensor:
    """Add a smooth random displacement of up to about 3 % of the side (Simard et al. 2003)."""
    count, side = grid.shape[:2]
    coarse = random.normal(0.012 * side, count, 2, 7, 7)
    return grid + upsample_smoothly(coarse, grid.shape[1:3]).movedim(1, -1)


def grid_distortion(grid: Tensor, random: RandomSource) -> Tensor:
    """Stretch the rows and columns of a 5 x 5 grid by 0.7 to 1.3, normalised to the crop's side."""
    count, side = grid.shape[:2]
    knots = pad(random.uniform(0.7, 1.3, count, 2, 5).cumsum(-1), (1, 0))
    even_knots = torch.linspace(0, 1, 6, device=grid.device)
    offsets = (knots / knots[..., -1:] - even_knots) * side
    # (N, 2, H, W), in cells of the 5 x 5 grid
    position = ((grid.movedim(-1, 1) / side + 0.5) * 5).clamp(0, 5)
    cell = position.floor().clamp(max=4)
    low, high = (
        offsets.gather(-1, knot.flatten(2)).view(position.shape)
        for knot in (cell.long(), cell.long() + 1)
    )
    return grid + torch.lerp(low, high, position - cell).movedim(1, -1)


def optical_distortion(grid: Tensor, random: RandomSource) -> Tensor:
    """Apply barrel or pincushion distortion r (1 + k r^2), r = 1 at the edge, |k| up to 0.15."""
    count, side = grid.shape[:2]
    squared_radius = grid.square().sum(dim=-1, keepdim=True) / (side / 2) ** 2
    return grid * (1 + random.uniform(-0.15, 0.15, count, 1, 1, 1) * squared_radius)


def upsample_smoothly(coarse: Tensor, size: Sequence[int]) -> Tensor:
    """Upsample (N, C, h, w) to (N, C, H, W) with bicubic interpolation."""
    return interpolate(coarse, tuple(size), mode="bicubic", align_corners=False)
