"""Resizing of square images in a batch, each to its own size.

OpenCV resizes one image at a time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import pad


def shrink_batch(images: Tensor, sides: npt.NDArray[np.int64]) -> Tensor:
    """Shrink each image by area averaging, as OpenCV's INTER_AREA does.

    Args:
        images: (N, C, side, side).
        sides: (N,) new side of each image in pixels.

    Returns:
        (N, C, M, M), where M is the largest of `sides`. Image n fills the top left
        `sides[n]` x `sides[n]` pixels; the other pixels are undefined.
    """
    side = images.shape[-1]
    new_sides = torch.from_numpy(sides).to(images.device, non_blocking=True)[:, None]
    edges = torch.arange(int(sides.max()) + 1, device=images.device) * (side / new_sides)
    edges = edges.clamp(max=side)
    scale = (new_sides / side)[:, None, None]
    for _ in range(2):
        sums = _interpolate_rows(pad(images.cumsum(dim=-2), (0, 0, 1, 0)), edges)
        images = (sums.diff(dim=-2) * scale).mT
    return images


def enlarge_batch(images: Tensor, sides: npt.NDArray[np.int64], side: int) -> Tensor:
    """Enlarge the result of `shrink_batch` by linear interpolation.

    Args:
        images: (N, C, M, M), of which image n fills the top left `sides[n]` x `sides[n]` pixels.
        sides: (N,) side of each image in pixels.
        side: new side of all images in pixels.

    Returns:
        (N, C, side, side).
    """
    own_sides = torch.from_numpy(sides).to(images.device, non_blocking=True)[:, None]
    rows = (torch.arange(side, device=images.device) + 0.5) * (own_sides / side) - 0.5
    rows = rows.clamp(min=0).minimum(own_sides - 1)
    for _ in range(2):
        images = _interpolate_rows(images, rows).mT
    return images


def _interpolate_rows(images: Tensor, rows: Tensor) -> Tensor:
    """Interpolate linearly between rows.

    Args:
        images: (N, C, H, W).
        rows: (N, K) fractional row numbers from 0 to H - 1.

    Returns:
        (N, C, K, W).
    """
    count, channels, height, width = images.shape
    upper = rows.floor().clamp(max=height - 2)
    image_start = torch.arange(count * channels, device=images.device) * height
    index = (image_start.view(count, channels, 1) + upper.long()[:, None]).flatten()
    flat = images.reshape(-1, width)
    low, high = (
        flat.index_select(0, rows_index).view(count, channels, -1, width)
        for rows_index in (index, index + 1)
    )
    return torch.lerp(low, high, (rows - upper)[:, None, :, None])
