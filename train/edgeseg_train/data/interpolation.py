"""Linear interpolation of stored photographs at arbitrary positions.

Both functions have the same arguments and results. On a CPU, OpenCV is ten times as fast as
PyTorch. OpenCV rounds the values of pixels to 1/255.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import cv2
import numpy as np
import torch
from torch import Tensor

# Number of bytes of a packed pixel: red, green, blue, mask.
PIXEL_BYTES = 4

# Function from stored pixels, (total,) int32 with the bytes of a pixel, stored field-of-view
# values, (total,) uint8, the first index and the side of N square examples, and positions in these
# examples, (N, H, W, 2) float32 x and y, to interpolated pixels, (N, 4, H, W) float32 from 0 to 1,
# and field-of-view values of the nearest pixels, (N, 1, H, W) uint8. Beyond the edges of an
# example, pixels have the values of the edge, and the field of view is 0.
Interpolation: TypeAlias = Callable[
    [Tensor, Tensor, Sequence[int], Sequence[int], Tensor], tuple[Tensor, Tensor]
]


def interpolate_with_opencv(
    pixels: Tensor,
    fields: Tensor,
    starts: Sequence[int],
    sides: Sequence[int],
    positions: Tensor,
) -> tuple[Tensor, Tensor]:
    """Interpolate one example after another on the CPU. See `Interpolation`."""
    count, height, width = positions.shape[:3]
    found = np.empty((count, height, width, PIXEL_BYTES), np.uint8)
    inside = np.empty((count, 1, height, width), np.uint8)
    for index, (start, side) in enumerate(zip(starts, sides, strict=True)):
        x, y = positions[index].movedim(-1, 0).contiguous().numpy()
        own = slice(start, start + side * side)
        example = pixels[own].view(torch.uint8).view(side, side, PIXEL_BYTES).numpy()
        cv2.remap(example, x, y, cv2.INTER_LINEAR, found[index], cv2.BORDER_REPLICATE)
        fov = fields[own].view(side, side).numpy()
        cv2.remap(fov, x, y, cv2.INTER_NEAREST, inside[index, 0])
    channels = torch.from_numpy(found).movedim(-1, 1)
    scaled = channels.to(torch.float32, memory_format=torch.contiguous_format) / 255
    return scaled, torch.from_numpy(inside)


def interpolate_with_torch(
    pixels: Tensor,
    fields: Tensor,
    starts: Sequence[int],
    sides: Sequence[int],
    positions: Tensor,
) -> tuple[Tensor, Tensor]:
    """Interpolate all examples at once on the device of the tensors. See `Interpolation`."""
    start, side = (
        torch.tensor(values).to(pixels.device, non_blocking=True)[:, None, None]
        for values in (starts, sides)
    )
    x, y = (axis.clamp(min=0).minimum(side - 1) for axis in positions.unbind(-1))
    left, top = (axis.floor().minimum(side - 2) for axis in (x, y))
    first = start + top.long() * side + left.long()
    upper, lower = (
        torch.lerp(_read_pixels(pixels, row), _read_pixels(pixels, row + 1), (x - left)[:, None])
        for row in (first, first + side)
    )
    found = torch.lerp(upper, lower, (y - top)[:, None]) / 255
    nearest = start + y.round().long() * side + x.round().long()
    in_example = ((positions - torch.stack([x, y], dim=-1)).abs() < 0.5).all(dim=-1)
    return found, (fields[nearest] * in_example)[:, None]


def _read_pixels(pixels: Tensor, index: Tensor) -> Tensor:
    """Return the packed pixels at the indices (N, H, W) as (N, 4, H, W) float32."""
    packed = pixels.index_select(0, index.flatten()).view(torch.uint8)
    channels = packed.view(*index.shape, PIXEL_BYTES).movedim(-1, 1)
    return channels.to(torch.float32, memory_format=torch.contiguous_format)
