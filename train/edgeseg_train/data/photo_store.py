"""Photographs in memory at the sizes that training needs, in one tensor, so that many crops are read at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from edgeseg.datasets import LoadedPair, Pair
from edgeseg.field_of_view.detect import FieldOfView, detect_fields, largest_field
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import prepare, resize_coverage_to_input
from edgeseg_train.training.compute import photograph_threads

PIXEL_BYTES = 4
"""Of a stored pixel, read as one number: red, green, blue, truth. The field of view is stored apart."""

FREE_SHARE = 0.5
"""Photographs may take so much of a GPU's free memory; beyond it they stay with the CPU, and so do crops."""


@dataclass(frozen=True, eq=False)
class Example:
    """A photograph at a working size.

    Attributes:
        photo: (size, size, 3) uint8 RGB.
        truth: (size, size) uint8, vessels: the share of a pixel's area that is vessel (255 for all of it), or {0, 255}.
        inside: (size, size) uint8 {0, 255}, the field of view.
    """

    photo: Photo
    truth: Mask
    inside: Mask


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops on one device, float32: photo (N, 3, H, W), truth and inside (N, 1, H, W), all of 0 to 1."""

    photo: Tensor
    truth: Tensor
    inside: Tensor


class PhotoStore:
    """Photographs, each at several working sizes; a pair (photograph, size) of numbers names an example.

    Attributes:
        sides: of the examples in pixels, `sides[photograph][size]`.
        device: where crops of them are made.
    """

    def __init__(self, sides: Sequence[Sequence[int]]) -> None:
        self.sides = tuple(tuple(own) for own in sides)
        areas = [[side * side for side in own] for own in self.sides]
        ends = np.cumsum([area for own in areas for area in own])
        starts = iter(ends - [area for own in areas for area in own])
        self._starts = [[int(next(starts)) for _ in own] for own in areas]
        pixels = int(ends[-1]) if len(ends) else 0
        self._pixels, self._inside = (
            np.zeros((pixels, PIXEL_BYTES), np.uint8),
            np.zeros(pixels, np.uint8),
        )
        self._read = (
            torch.from_numpy(self._pixels).view(torch.int32)[:, 0],
            torch.from_numpy(self._inside),
        )

    @staticmethod
    def of(examples: Sequence[Sequence[Example]]) -> PhotoStore:
        """Those of `examples[photograph][size]`."""
        photographs = PhotoStore([[len(example.truth) for example in own] for own in examples])
        for number, own in enumerate(examples):
            photographs.put(number, own)
        return photographs

    def put(self, number: int, examples: Sequence[Example]) -> None:
        """Fill in one photograph at every size."""
        for start, side, example in zip(
            self._starts[number], self.sides[number], examples, strict=True
        ):
            own = slice(start, start + side * side)
            place = self._pixels[own].reshape(side, side, PIXEL_BYTES)
            place[..., :3], place[..., 3] = example.photo, example.truth
            self._inside[own] = example.inside.ravel()

    def move_to(self, device: torch.device) -> None:
        """Read from this device from now on, unless they would fill it; after that no photograph can be put."""
        wanted = self._pixels.nbytes + self._inside.nbytes
        if device.type == "cuda" and fits(wanted, torch.cuda.mem_get_info(device)[0]):
            pixels, inside = self._read
            self._read = pixels.to(device), inside.to(device)
            self._pixels = np.zeros((0, PIXEL_BYTES), np.uint8)  # the host's copy is free to go

    @property
    def device(self) -> torch.device:
        """Where `at` reads and answers."""
        return self._read[0].device

    def __len__(self) -> int:
        return len(self.sides)

    def is_inside(self, photograph: int, size: int, x: int, y: int) -> bool:
        """Whether a pixel of an example lies in the field of view."""
        return bool(
            self._inside[self._starts[photograph][size] + y * self.sides[photograph][size] + x]
        )

    def at(self, which: Sequence[tuple[int, int]], places: Tensor) -> Batch:
        """Examples read at any places, photograph and truth linear.

        Beyond an example's edges `inside` is 0, and photograph and truth are the edge's.

        Args:
            which: N times (photograph, size).
            places: (N, H, W, 2) float32, x and y in pixels of the example.
        """
        start, side = (
            torch.tensor([of[p][s] for p, s in which]).to(self.device, non_blocking=True)[
                :, None, None
            ]
            for of in (self._starts, self.sides)
        )
        pixels, inside = self._read
        x, y = (axis.clamp(min=0).minimum(side - 1) for axis in places.unbind(-1))
        left, top = (axis.floor().minimum(side - 2) for axis in (x, y))
        first = start + top.long() * side + left.long()
        upper, lower = (
            torch.lerp(_unpacked(pixels, row), _unpacked(pixels, row + 1), (x - left)[:, None])
            for row in (first, first + side)
        )
        photo, truth = torch.split(
            torch.lerp(upper, lower, (y - top)[:, None]) / 255, [3, 1], dim=1
        )
        nearest = start + y.round().long() * side + x.round().long()
        there = ((places - torch.stack([x, y], dim=-1)).abs() < 0.5).all(dim=-1)
        seen = (inside[nearest] > 127) & there
        return Batch(photo, truth, seen[:, None].float())


def fits(wanted: int, free: int) -> bool:
    """Whether so many bytes leave a GPU with `free` bytes enough to learn with."""
    return wanted < FREE_SHARE * free


def _unpacked(pixels: Tensor, index: Tensor) -> Tensor:
    """Pixels (total,) int32 at (N, H, W) -> (N, 4, H, W) float32."""
    found = (
        pixels.index_select(0, index.flatten()).view(torch.uint8).view(*index.shape, PIXEL_BYTES)
    )
    return found.movedim(-1, 1).to(torch.float32, memory_format=torch.contiguous_format)


def load_photographs(
    pairs: Sequence[Pair], how: PreprocessingConfig, sizes: Sequence[int]
) -> PhotoStore:
    """Every pair at every size, through the one preprocessing. 5 bytes a pixel, photograph and size."""
    photographs = PhotoStore([sizes] * len(pairs))
    with ThreadPoolExecutor(photograph_threads()) as pool:
        filled = pool.map(
            lambda item: photographs.put(item[0], _at_sizes(item[1], how, sizes)), enumerate(pairs)
        )
        list(filled)  # raises what a thread raised
    return photographs


def load_example(pair: Pair, how: PreprocessingConfig, size: int) -> Example:
    """One pair at one working size."""
    return _at_sizes(pair, how, (size,))[0]


def _at_sizes(pair: Pair, how: PreprocessingConfig, sizes: Sequence[int]) -> tuple[Example, ...]:
    loaded = pair.load()
    fov = largest_field(detect_fields(loaded.photo, how, pair.name))
    return tuple(_example(loaded, fov, replace(how, size=size)) for size in sizes)


def _example(loaded: LoadedPair, fov: FieldOfView, how: PreprocessingConfig) -> Example:
    ready = prepare(loaded.photo, how, fov=fov)
    return Example(
        ready.tensor[0], resize_coverage_to_input(loaded.truth, ready.placement), ready.inside
    )
