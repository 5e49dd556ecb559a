"""Squares of a batch reduced each to a size of its own, and enlarged again; OpenCV does one at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import pad


def area_averaged(images: Tensor, sides: npt.NDArray[np.int64]) -> Tensor:
    """Squares (N, C, side, side) averaged over areas to (N, C, M, M), M being the largest of `sides`.

    Each fills the top left `sides[n]` pixels; what is beyond them means nothing.
    """
    whole = images.shape[-1]
    own = torch.from_numpy(sides).to(images.device, non_blocking=True)[:, None]
    edges = (torch.arange(int(sides.max()) + 1, device=images.device) * (whole / own)).clamp(
        max=whole
    )
    for _ in range(2):
        sums = pad(images.cumsum(dim=-2), (0, 0, 1, 0))
        images = (_between(sums, edges).diff(dim=-2) * (own / whole)[:, None, None]).mT
    return images


def stretched_back(images: Tensor, sides: npt.NDArray[np.int64], side: int) -> Tensor:
    """The way back from `area_averaged` to (N, C, side, side), linear."""
    own = torch.from_numpy(sides).to(images.device, non_blocking=True)[:, None]
    places = (torch.arange(side, device=images.device) + 0.5) * (own / side) - 0.5
    for _ in range(2):
        images = _between(images, places.clamp(min=0).minimum(own - 1)).mT
    return images


def _between(images: Tensor, places: Tensor) -> Tensor:
    """Linear interpolation between rows: (N, C, H, W) at rows (N, K) of 0 to H - 1 -> (N, C, K, W)."""
    count, channels, height, width = images.shape
    before = places.floor().clamp(max=height - 2)
    first = torch.arange(count * channels, device=images.device).view(count, channels, 1) * height
    index = (first + before.long()[:, None]).flatten()
    rows = images.reshape(-1, width)
    low, high = (
        rows.index_select(0, which).view(count, channels, -1, width) for which in (index, index + 1)
    )
    return torch.lerp(low, high, (places - before)[:, None, :, None])
