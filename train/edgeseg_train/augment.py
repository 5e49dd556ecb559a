"""The eleven augmentations of the reference system and two of our own, on photograph, mask and field of view alike.

Six move pixels and compose into ONE map of coordinates, so that a crop is interpolated once however many are
drawn; the rest change a photograph's colours. Each is a small function of a generator: the same seed, the same crop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.arrays import Mask, Photo
from edgeseg_train.low_resolution import LEAST_GAIN, MOST_GAIN, reduced

Grid: TypeAlias = npt.NDArray[np.float32]
"""(H, W, 2) float32: for each pixel of the crop, x and y from the crop's centre in the photograph, in pixels."""

Move: TypeAlias = Callable[[Grid, np.random.Generator], Grid]
Colour: TypeAlias = Callable[[Photo, np.random.Generator], Photo]
Camera: TypeAlias = Callable[[Photo, Mask, np.random.Generator], tuple[Photo, Mask]]


@dataclass(frozen=True, eq=False)
class Example:
    """A photograph at a working size, or a crop of it.

    Attributes:
        photo: (H, W, 3) uint8 RGB.
        truth: (H, W) uint8, vessels: the share of a pixel's area that is vessel (255 for all of it), or {0, 255}.
        inside: (H, W) uint8 {0, 255}, the field of view.
    """

    photo: Photo
    truth: Mask
    inside: Mask


def identity_grid(size: int) -> Grid:
    """The map of a plain crop of `size` x `size` pixels."""
    axis = np.arange(size, dtype=np.float32) - (size - 1) / 2
    return np.stack(np.meshgrid(axis, axis), axis=-1)


def horizontal_flip(grid: Grid, rng: np.random.Generator) -> Grid:
    """Left becomes right."""
    return np.flip(grid, 1)


def vertical_flip(grid: Grid, rng: np.random.Generator) -> Grid:
    """Top becomes bottom."""
    return np.flip(grid, 0)


def shift_scale_rotate(grid: Grid, rng: np.random.Generator) -> Grid:
    """Up to 6% of the crop's side of shift, 0.75 to 1.33 of scale, any angle."""
    angle = rng.uniform(-np.pi, np.pi)
    scale = np.exp(rng.uniform(np.log(0.75), np.log(1 / 0.75)))
    shift = rng.uniform(-0.06, 0.06, 2) * len(grid)
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    turn = np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]], np.float32)
    return cv2.transform(np.ascontiguousarray(grid), turn).astype(np.float32, copy=False)


def elastic(grid: Grid, rng: np.random.Generator) -> Grid:
    """A smooth random field of up to about 3% of the crop's side (Simard et al. 2003)."""
    coarse = rng.normal(0, 0.012 * len(grid), (7, 7, 2)).astype(np.float32)
    smooth = cv2.resize(coarse, (grid.shape[1], grid.shape[0]), interpolation=cv2.INTER_CUBIC)
    return grid + smooth.astype(np.float32, copy=False)


def grid_distortion(grid: Grid, rng: np.random.Generator) -> Grid:
    """Rows and columns of a 5 x 5 grid made uneven: each 0.7 to 1.3 wide before they share the crop's side."""
    half = len(grid) / 2
    moved: Grid = grid.copy()
    for axis in range(2):
        steps = np.concatenate([[0], np.cumsum(rng.uniform(0.7, 1.3, 5))])
        knots = np.linspace(-half, half, 6)
        warped = knots[0] + steps / steps[-1] * 2 * half
        moved[..., axis] += np.interp(grid[..., axis], knots, warped - knots)
    return moved


def optical_distortion(grid: Grid, rng: np.random.Generator) -> Grid:
    """Barrel or pincushion: r (1 + k r^2), r = 1 at the crop's edge, |k| up to 0.15."""
    k = rng.uniform(-0.15, 0.15)
    square = (grid**2).sum(axis=-1, keepdims=True) / (len(grid) / 2) ** 2
    bent: Grid = (grid * (1 + k * square)).astype(np.float32)
    return bent


def brightness_contrast(photo: Photo, rng: np.random.Generator) -> Photo:
    """Contrast 0.7 to 1.3 about the middle, brightness up to 0.2 of the range."""
    contrast, brightness = rng.uniform(0.7, 1.3), rng.uniform(-0.2, 0.2)
    return _by_table(photo, (np.linspace(0, 1, 256) - 0.5) * contrast + 0.5 + brightness)


def gamma(photo: Photo, rng: np.random.Generator) -> Photo:
    """Gamma 0.6 to 1.6."""
    return _by_table(photo, np.linspace(0, 1, 256) ** np.exp(rng.uniform(np.log(0.6), np.log(1.6))))


def hue_saturation(photo: Photo, rng: np.random.Generator) -> Photo:
    """Hue up to 20 degrees, saturation 0.5 to 1.5."""
    hsv = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + rng.integers(-10, 11)) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.5, 1.5), 0, 255)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.uint8, copy=False)


def gaussian_noise(photo: Photo, rng: np.random.Generator) -> Photo:
    """Standard deviation up to 12 of 255, each channel."""
    noise = rng.standard_normal(photo.shape, dtype=np.float32) * rng.uniform(2, 12)
    return np.clip(np.rint(photo + noise), 0, 255).astype(np.uint8)


def gaussian_blur(photo: Photo, rng: np.random.Generator) -> Photo:
    """Sigma 0.3 to 1.5 pixels."""
    return cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.3, 1.5)).astype(np.uint8, copy=False)


def low_resolution(photo: Photo, truth: Mask, rng: np.random.Generator) -> tuple[Photo, Mask]:
    """As from a camera of 1/1.2 to 1/3 of the pixels a side, with a noise of its own of up to 6 of 255.

    DRIVE's and STARE's fields of view are about 540 and 650 pixels wide: enlarged to the working size, not only their
    vessels are soft but their noise too, which `gaussian_noise` after `gaussian_blur` never shows; and thin vessels
    are marked wider than they are.
    """
    factor, gain = rng.uniform(1.2, 3.0), rng.uniform(LEAST_GAIN, MOST_GAIN)
    height, width = photo.shape[:2]
    small, drawn = reduced(photo, truth, (round(width / factor), round(height / factor)), gain)
    noise = rng.standard_normal(small.shape, dtype=np.float32) * rng.uniform(0, 6)
    noisy: Photo = np.clip(np.rint(small + noise), 0, 255).astype(np.uint8)
    back = (cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR) for image in (noisy, drawn))
    enlarged, wider = (image.astype(np.uint8, copy=False) for image in back)
    return enlarged, wider


def illumination(photo: Photo, rng: np.random.Generator) -> Photo:
    """Light that varies over the crop by about a quarter, and a gain of each channel of 0.85 to 1.15."""
    coarse = np.exp(rng.normal(0, 0.25, (4, 4))).astype(np.float32)
    smooth = cv2.resize(coarse, (photo.shape[1], photo.shape[0]), interpolation=cv2.INTER_CUBIC)
    gain = rng.uniform(0.85, 1.15, 3).astype(np.float32)
    lit: Photo = np.clip(photo * (smooth[:, :, None] * gain), 0, 255).astype(np.uint8)
    return lit


def _by_table(photo: Photo, table: npt.NDArray[np.float64]) -> Photo:
    return cv2.LUT(photo, (table.clip(0, 1) * 255).round().astype(np.uint8)).astype(np.uint8, copy=False)


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

    @property
    def unmoved(self) -> Augmentation:
        """The flips, the cameras and the colours only: every pixel stays a pixel."""
        flips = (horizontal_flip, vertical_flip)
        return replace(self, moves=tuple((move, chance) for move, chance in self.moves if move in flips))


NO_AUGMENTATION = Augmentation((), (), ())


def take(
    whole: Example,
    centre: tuple[float, float],
    size: int,
    how: Augmentation,
    rng: np.random.Generator,
    coverage: bool = False,
) -> Example:
    """An augmented crop of `size` x `size` pixels around `centre` (x, y) of a photograph.

    Masks come out as {0, 255}, unless `coverage` asks for the vessels' share of each pixel. Outside the field of view
    the photograph is 0, as the network will always see it.
    """
    grid = identity_grid(size)
    for move, chance in how.moves:
        if rng.random() < chance:
            grid = move(grid, rng)
    places = grid + np.array(centre, np.float32)
    photo = _at(whole.photo, places)
    truth, inside = _at(whole.truth, places), _binary(_at(whole.inside, places))
    for camera, chance in how.cameras:
        if rng.random() < chance:
            photo, truth = camera(photo, truth, rng)
    for colour, chance in how.colours:
        if rng.random() < chance:
            photo = colour(photo, rng)
    seen = cv2.bitwise_and(photo, photo, mask=inside).astype(np.uint8, copy=False)
    return Example(seen, truth if coverage else _binary(truth), inside)


def _binary(mask: Mask) -> Mask:
    binary: Mask = np.where(mask > 127, np.uint8(255), np.uint8(0))
    return binary


def _at(image: npt.NDArray[np.uint8], places: Grid) -> npt.NDArray[np.uint8]:
    """Image (H, W) or (H, W, 3) uint8 at the places (x, y), linear, 0 beyond its edge."""
    # Two maps and not one of two channels: OpenCV 5.0 reads three-channel images at wrong places through the latter.
    x, y = (np.ascontiguousarray(places[..., axis]) for axis in range(2))
    return cv2.remap(image, x, y, cv2.INTER_LINEAR).astype(np.uint8, copy=False)
