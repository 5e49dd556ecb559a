"""The eleven augmentations of the reference system and two of our own, on photograph, mask and field of view alike.

All work on a batch of crops at once, wherever its tensors lie: drawn one by one, crops are what a GPU waits for. Six
move pixels and compose into ONE map of coordinates, so that a crop is interpolated once however many are drawn; the
rest change a photograph's colours. Each is a small function of random numbers: the same seed, the same crops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from edgeseg_train.data.low_resolution import LEAST_GAIN, MOST_GAIN
from edgeseg_train.data.photo_store import Batch, PhotoStore
from edgeseg_train.data.resampling import area_averaged, stretched_back
from edgeseg_train.training.compute import CPU


class Draws:
    """The random numbers of a step: those that decide what is computed from NumPy, the others where the crops are.

    A CPU and a GPU draw different ones.

    Args:
        rng: seeds both.
        device: of the tensors.
    """

    def __init__(self, rng: np.random.Generator, device: torch.device = CPU) -> None:
        self.rng, self.device = rng, device
        self._torch = torch.Generator(device).manual_seed(int(rng.integers(2**62)))

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Float32 of this shape."""
        return torch.empty(shape, device=self.device).uniform_(low, high, generator=self._torch)

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Float32 of this shape, as often below the geometric mean as above it."""
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def normal(self, deviation: float, *shape: int) -> Tensor:
        """Float32 of this shape around 0."""
        return torch.empty(shape, device=self.device).normal_(0, deviation, generator=self._torch)


Move: TypeAlias = Callable[[Tensor, Draws], Tensor]
"""Grids (N, H, W, 2) float32 -> grids: for each pixel, x and y from the crop's centre in the photograph, in pixels."""

Colour: TypeAlias = Callable[[Tensor, Draws], Tensor]
"""Photographs (N, 3, H, W) float32 of 0 to 1 -> photographs."""

Camera: TypeAlias = Callable[[Tensor, Tensor, Draws], tuple[Tensor, Tensor]]
"""Photographs and truth (N, 1, H, W) -> both."""


def identity_grid(size: int, device: torch.device = CPU) -> Tensor:
    """The map of a plain crop of `size` x `size` pixels, (size, size, 2)."""
    axis = torch.arange(size, dtype=torch.float32, device=device) - (size - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], dim=-1)


def horizontal_flip(grid: Tensor, draws: Draws) -> Tensor:
    """Left becomes right."""
    return grid.flip(2)


def vertical_flip(grid: Tensor, draws: Draws) -> Tensor:
    """Top becomes bottom."""
    return grid.flip(1)


def shift_scale_rotate(grid: Tensor, draws: Draws) -> Tensor:
    """Up to 6% of the crop's side of shift, 0.75 to 1.33 of scale, any angle."""
    count, side = grid.shape[:2]
    angle = draws.uniform(-math.pi, math.pi, count)
    scale = draws.log_uniform(0.75, 1 / 0.75, count)
    shift = draws.uniform(-0.06, 0.06, count, 1, 1, 2) * side
    cos, sin = (part[:, None, None] for part in (angle.cos() / scale, angle.sin() / scale))
    x, y = grid.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y], dim=-1) + shift


def elastic(grid: Tensor, draws: Draws) -> Tensor:
    """A smooth random field of up to about 3% of the crop's side (Simard et al. 2003)."""
    count, side = grid.shape[:2]
    return grid + _smooth(draws.normal(0.012 * side, count, 2, 7, 7), grid.shape[1:3]).movedim(
        1, -1
    )


def grid_distortion(grid: Tensor, draws: Draws) -> Tensor:
    """Rows and columns of a 5 x 5 grid made uneven: each 0.7 to 1.3 wide before they share the crop's side."""
    count, side = grid.shape[:2]
    steps = pad(draws.uniform(0.7, 1.3, count, 2, 5).cumsum(-1), (1, 0))
    even = torch.linspace(0, 1, 6, device=grid.device)
    offsets = (steps / steps[..., -1:] - even) * side
    where = ((grid.movedim(-1, 1) / side + 0.5) * 5).clamp(0, 5)  # (N, 2, H, W), in knots
    before = where.floor().clamp(max=4)
    low, high = (
        offsets.gather(-1, (before.long() + k).flatten(2)).view(where.shape) for k in (0, 1)
    )
    return grid + torch.lerp(low, high, where - before).movedim(1, -1)


def optical_distortion(grid: Tensor, draws: Draws) -> Tensor:
    """Barrel or pincushion: r (1 + k r^2), r = 1 at the crop's edge, |k| up to 0.15."""
    count, side = grid.shape[:2]
    square = grid.square().sum(dim=-1, keepdim=True) / (side / 2) ** 2
    return grid * (1 + draws.uniform(-0.15, 0.15, count, 1, 1, 1) * square)


def brightness_contrast(photo: Tensor, draws: Draws) -> Tensor:
    """Contrast 0.7 to 1.3 about the middle, brightness up to 0.2 of the range."""
    shape = (len(photo), 1, 1, 1)
    return (
        (photo - 0.5) * draws.uniform(0.7, 1.3, *shape) + 0.5 + draws.uniform(-0.2, 0.2, *shape)
    ).clamp(0, 1)


def gamma(photo: Tensor, draws: Draws) -> Tensor:
    """Gamma 0.6 to 1.6."""
    return photo ** draws.log_uniform(0.6, 1.6, len(photo), 1, 1, 1)


def hue_saturation(photo: Tensor, draws: Draws) -> Tensor:
    """Hue up to 20 degrees, saturation 0.5 to 1.5, as in HSV; the brightest channel's value stays."""
    count = len(photo)
    red, green, blue = torch.split(photo, 1, dim=1)
    value = photo.amax(dim=1, keepdim=True)
    chroma = value - photo.amin(dim=1, keepdim=True)
    safe = chroma.clamp(min=1e-6)
    hue = torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4)
    hue = (
        torch.where(value == red, (green - blue) / safe, hue)
        + draws.uniform(-20, 20, count, 1, 1, 1) / 60
    )
    chroma = torch.minimum(chroma * draws.uniform(0.5, 1.5, count, 1, 1, 1), value)
    below = (hue + torch.arange(5, 0, -2, device=photo.device).view(1, 3, 1, 1)) % 6
    return value - chroma * torch.minimum(below, 4 - below).clamp(0, 1)


def gaussian_noise(photo: Tensor, draws: Draws) -> Tensor:
    """Standard deviation 2 to 12 of 255, each channel."""
    return (
        photo
        + draws.normal(1, *photo.shape) * draws.uniform(2 / 255, 12 / 255, len(photo), 1, 1, 1)
    ).clamp(0, 1)


def gaussian_blur(photo: Tensor, draws: Draws) -> Tensor:
    """Sigma 0.3 to 1.5 pixels."""
    count, channels, height, width = photo.shape
    radius = 5
    away = torch.arange(-radius, radius + 1, device=photo.device)
    bell = (-(away**2) / (2 * draws.uniform(0.3, 1.5, count, 1).square())).exp()
    kernel = (bell / bell.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)[
        :, None, None
    ]
    each = pad(photo, (radius,) * 4, mode="reflect").view(
        1, -1, height + 2 * radius, width + 2 * radius
    )
    rows = conv2d(each, kernel, groups=count * channels)
    return conv2d(rows, kernel.mT, groups=count * channels).view(photo.shape)


def low_resolution(photo: Tensor, truth: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """As from a camera of 1/1.2 to 1/3 of the pixels a side, with a noise of its own of up to 6 of 255.

    DRIVE's and STARE's fields of view are about 540 and 650 pixels wide: enlarged to the working size, not only their
    vessels are soft but their noise too, which `gaussian_noise` after `gaussian_blur` never shows; and thin vessels
    are marked wider than they are. Crops are squares.
    """
    count, side = len(photo), photo.shape[-1]
    sides = np.rint(side / draws.rng.uniform(1.2, 3.0, count)).astype(np.int64)
    small, coverage = torch.split(
        area_averaged(torch.cat([photo, truth], dim=1), sides), [3, 1], dim=1
    )
    noise = draws.normal(1, *small.shape) * draws.uniform(0, 6 / 255, count, 1, 1, 1)
    drawn = (coverage * draws.uniform(LEAST_GAIN, MOST_GAIN, count, 1, 1, 1)).clamp(max=1)
    back = stretched_back(torch.cat([(small + noise).clamp(0, 1), drawn], dim=1), sides, side)
    enlarged, wider = torch.split(back, [3, 1], dim=1)
    return enlarged, wider


def illumination(photo: Tensor, draws: Draws) -> Tensor:
    """Light that varies over the crop by about a quarter, and a gain of each channel of 0.85 to 1.15."""
    light = _smooth(draws.normal(0.25, len(photo), 1, 4, 4).exp(), photo.shape[2:])
    return (photo * light * draws.uniform(0.85, 1.15, len(photo), 3, 1, 1)).clamp(0, 1)


def _smooth(coarse: Tensor, size: Sequence[int]) -> Tensor:
    """(N, C, h, w) -> (N, C, H, W), cubic."""
    return interpolate(coarse, tuple(size), mode="bicubic", align_corners=False)


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a crop, and how probably."""

    moves: tuple[tuple[Move, float], ...] = (
        (horizontal_flip, 0.5),
        (vertical_flip, 0.5),
        (elastic, 0.2),
        (grid_distortion, 0.15),
        (optical_distortion, 0.15),
        (shift_scale_rotate, 0.9),
    )
    cameras: tuple[tuple[Camera, float], ...] = ((low_resolution, 0.5),)
    colours: tuple[tuple[Colour, float], ...] = (
        (gaussian_blur, 0.25),
        (illumination, 0.3),
        (brightness_contrast, 0.5),
        (gamma, 0.5),
        (hue_saturation, 0.5),
        (gaussian_noise, 0.3),
    )


NO_AUGMENTATION = Augmentation((), (), ())

FLIPS = (horizontal_flip, vertical_flip)
"""The moves after which every pixel is still a pixel."""


@dataclass(frozen=True)
class CropPlacement:
    """Where a crop lies.

    Attributes:
        photograph: its number.
        size: number of the working size.
        centre: x and y in pixels of the example.
        framed: whether its pixels stay pixels: of the moves, only flips may happen to it.
    """

    photograph: int
    size: int
    centre: tuple[float, float]
    framed: bool = False


def sample_crops(
    photographs: PhotoStore,
    places: Sequence[CropPlacement],
    size: int,
    how: Augmentation,
    rng: np.random.Generator,
    coverage: bool = False,
) -> Batch:
    """Augmented crops of `size` x `size` pixels, on the photographs' device.

    Masks come out as 0 and 1, unless `coverage` asks for the vessels' share of each pixel. Photographs have the 256
    levels that a network sees on a device, and are 0 outside the field of view, as it will always see them.
    """
    draws = Draws(rng, photographs.device)
    framed = np.array([place.framed for place in places])
    grid = identity_grid(size, draws.device).expand(len(places), -1, -1, -1).clone()
    for move, chance in how.moves:
        chosen = _chosen(draws, chance, len(places), () if move in FLIPS else framed)
        if len(chosen):
            grid[chosen] = move(grid[chosen], draws)
    centres = torch.tensor([place.centre for place in places]).to(draws.device, non_blocking=True)
    found = photographs.at(
        [(place.photograph, place.size) for place in places], grid + centres[:, None, None]
    )
    photo, truth = found.photo, found.truth
    for camera, chance in how.cameras:
        chosen = _chosen(draws, chance, len(places))
        if len(chosen):
            photo[chosen], truth[chosen] = camera(photo[chosen], truth[chosen], draws)
    for colour, chance in how.colours:
        chosen = _chosen(draws, chance, len(places))
        if len(chosen):
            photo[chosen] = colour(photo[chosen], draws)
    seen = (photo * 255).round() / 255 * found.inside
    return Batch(seen, truth if coverage else (truth > 0.5).float(), found.inside)


def _chosen(draws: Draws, chance: float, count: int, never: npt.ArrayLike = ()) -> Tensor:
    """Numbers of the crops to which something happens."""
    happens = draws.rng.random(count) < chance
    happens[np.asarray(never, bool).nonzero()] = False
    return torch.from_numpy(happens.nonzero()[0]).to(draws.device, non_blocking=True)
