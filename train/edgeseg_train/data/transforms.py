"""Random transforms of a batch of crops.

Geometric transforms change a sampling grid. Therefore, a crop is interpolated only once, also for
several transforms. A grid, (N, H, W, 2) float32, contains the position in the photograph for each
output pixel: x and y in pixels, relative to the centre of the crop.

Photometric transforms change colours, brightness and sharpness. Photographs are (N, 3, H, W)
float32, RGB, from 0 to 1.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from edgeseg_train.data.low_resolution import (
    MAX_VESSEL_GAIN,
    MIN_VESSEL_GAIN,
    enlarge_batch,
    shrink_batch,
)

# Radius of the Gaussian blur kernel in pixels.
BLUR_RADIUS = 5


class RandomSource:
    """Random numbers of a training step.

    NumPy generates the decisions. PyTorch generates the other values on the device of the crops.
    The values differ between CPU and GPU.

    Args:
        rng: generator of the decisions. This generator also seeds the generator of PyTorch.
        device: device of the returned tensors.
    """

    def __init__(self, rng: np.random.Generator, device: torch.device | str = "cpu") -> None:
        self.rng = rng
        self.device = device
        self._torch = torch.Generator(device).manual_seed(int(rng.integers(2**62)))

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Return uniform float32 values of a shape."""
        return torch.empty(shape, device=self.device).uniform_(low, high, generator=self._torch)

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Return log-uniform float32 values of a shape. The median is the geometric mean."""
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def normal(self, deviation: float, *shape: int) -> Tensor:
        """Return normally distributed float32 values of a shape with mean 0."""
        return torch.empty(shape, device=self.device).normal_(0, deviation, generator=self._torch)


# Function from grids (N, H, W, 2) and random numbers to grids.
GridTransform: TypeAlias = Callable[[Tensor, RandomSource], Tensor]

# Function from photographs and random numbers to photographs.
ColourTransform: TypeAlias = Callable[[Tensor, RandomSource], Tensor]

# Function from photographs, masks (N, 1, H, W) and random numbers to photographs and masks.
CameraTransform: TypeAlias = Callable[[Tensor, Tensor, RandomSource], tuple[Tensor, Tensor]]


def identity_grid(size: int, device: torch.device | str = "cpu") -> Tensor:
    """Return the grid of a crop without transforms, (size, size, 2)."""
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
    return grid + interpolate(coarse, grid.shape[1:3], mode="bicubic").movedim(1, -1)


def grid_distortion(grid: Tensor, random: RandomSource) -> Tensor:
    """Scale the rows and columns of a 5 x 5 grid by 0.7 to 1.3, normalised to the crop's side."""
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
    """Apply barrel or pincushion distortion.

    The distorted radius is r (1 + k r^2), with r = 1 at the edge and |k| up to 0.15.
    """
    count, side = grid.shape[:2]
    squared_radius = grid.square().sum(dim=-1, keepdim=True) / (side / 2) ** 2
    return grid * (1 + random.uniform(-0.15, 0.15, count, 1, 1, 1) * squared_radius)


def brightness_contrast(photo: Tensor, random: RandomSource) -> Tensor:
    """Multiply the contrast by 0.7 to 1.3 and change the brightness by up to 0.2 of the range."""
    shape = (len(photo), 1, 1, 1)
    contrast = random.uniform(0.7, 1.3, *shape)
    return ((photo - 0.5) * contrast + 0.5 + random.uniform(-0.2, 0.2, *shape)).clamp(0, 1)


def gamma(photo: Tensor, random: RandomSource) -> Tensor:
    """Apply a gamma of 0.6 to 1.6."""
    return photo ** random.log_uniform(0.6, 1.6, len(photo), 1, 1, 1)


def hue_saturation(photo: Tensor, random: RandomSource) -> Tensor:
    """Change hue by up to 20 degrees and multiply saturation by 0.5 to 1.5 in HSV."""
    count = len(photo)
    red, green, blue = torch.split(photo, 1, dim=1)
    value = photo.amax(dim=1, keepdim=True)
    chroma = value - photo.amin(dim=1, keepdim=True)
    divisor = chroma.clamp(min=1e-6)
    # Hue in units of 60 degrees.
    hue = torch.where(value == green, (blue - red) / divisor + 2, (red - green) / divisor + 4)
    hue = torch.where(value == red, (green - blue) / divisor, hue)
    hue = hue + random.uniform(-20, 20, count, 1, 1, 1) / 60
    chroma = torch.minimum(chroma * random.uniform(0.5, 1.5, count, 1, 1, 1), value)
    offsets = torch.arange(5, 0, -2, device=photo.device).view(1, 3, 1, 1)
    sector = (hue + offsets) % 6
    return value - chroma * torch.minimum(sector, 4 - sector).clamp(0, 1)


def gaussian_noise(photo: Tensor, random: RandomSource) -> Tensor:
    """Add noise with a standard deviation of 2 to 12 grey levels to each channel."""
    noise = random.normal(1, *photo.shape)
    return (photo + noise * random.uniform(2 / 255, 12 / 255, len(photo), 1, 1, 1)).clamp(0, 1)


def gaussian_blur(photo: Tensor, random: RandomSource) -> Tensor:
    """Blur with a sigma of 0.3 to 1.5 pixels."""
    count, channels, height, width = photo.shape
    distance = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1, device=photo.device)
    variance = random.uniform(0.3, 1.5, count, 1).square()
    weights = (-(distance**2) / (2 * variance)).exp()
    weights = weights / weights.sum(dim=1, keepdim=True)
    kernel = weights.repeat_interleave(channels, dim=0)[:, None, None]
    # Every channel of every photograph is a separate group.
    planes = pad(photo, (BLUR_RADIUS,) * 4, mode="reflect").view(
        1, -1, height + 2 * BLUR_RADIUS, width + 2 * BLUR_RADIUS
    )
    rows = conv2d(planes, kernel, groups=count * channels)
    return conv2d(rows, kernel.mT, groups=count * channels).view(photo.shape)


def illumination(photo: Tensor, random: RandomSource) -> Tensor:
    """Multiply by uneven illumination (about 25 %) and by a gain of 0.85 to 1.15 per channel."""
    coarse = random.normal(0.25, len(photo), 1, 4, 4).exp()
    light = interpolate(coarse, photo.shape[2:], mode="bicubic")
    return (photo * light * random.uniform(0.85, 1.15, len(photo), 3, 1, 1)).clamp(0, 1)


def low_resolution(photo: Tensor, truth: Tensor, random: RandomSource) -> tuple[Tensor, Tensor]:
    """Simulate a camera with 1/1.2 to 1/3 of the resolution and noise of up to 6 grey levels.

    The fields of view of DRIVE and STARE are about 540 and 650 pixels wide. When such photographs
    are enlarged to the working size, both vessels and noise are blurred. `gaussian_noise` after
    `gaussian_blur` does not reproduce this. In their masks, thin vessels are wider than in the
    photographs.

    Args:
        photo: (N, 3, S, S) square crops.
        truth: (N, 1, S, S) vessel share of each pixel.
        random: random numbers of the step.

    Returns:
        Photographs and masks of the same shapes.
    """
    count, side = len(photo), photo.shape[-1]
    sides = np.rint(side / random.rng.uniform(1.2, 3.0, count)).astype(np.int64)
    small = shrink_batch(torch.cat([photo, truth], dim=1), sides)
    small_photo, coverage = torch.split(small, [3, 1], dim=1)
    noise = random.normal(1, *small_photo.shape) * random.uniform(0, 6 / 255, count, 1, 1, 1)
    gain = random.uniform(MIN_VESSEL_GAIN, MAX_VESSEL_GAIN, count, 1, 1, 1)
    degraded = [(small_photo + noise).clamp(0, 1), (coverage * gain).clamp(max=1)]
    enlarged = enlarge_batch(torch.cat(degraded, dim=1), sides, side)
    return enlarged[:, :3], enlarged[:, 3:]
