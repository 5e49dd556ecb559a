"""Photographs in memory at the sizes that training needs, and the crops of each step.

What a step sees is a function of (seed, step) alone: nothing to store, and a resumed run goes on with the same
photographs in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from edgeseg.datasets import Loaded, Pair
from edgeseg.field_of_view import FieldOfView, field_of_view
from edgeseg.preprocess import coverage_to_square, preprocess
from edgeseg.preprocessing import Preprocessing
from edgeseg_train.augment import Augmentation, Example, take


@dataclass(frozen=True, eq=False)
class Batch:
    """What a step trains on, float32: photo (N, 3, H, W) of 0 to 1, truth and inside (N, 1, H, W) of 0 to 1."""

    photo: Tensor
    truth: Tensor
    inside: Tensor


@dataclass(frozen=True)
class Photographs:
    """The training photographs, preprocessed: `examples[photograph][size]`."""

    examples: tuple[tuple[Example, ...], ...]

    def __len__(self) -> int:
        return len(self.examples)


def load_photographs(pairs: Sequence[Pair], how: Preprocessing, sizes: Sequence[int]) -> Photographs:
    """Every pair at every size, through the one preprocessing. 5 bytes a pixel, photograph and size."""
    with ThreadPoolExecutor(2) as pool:
        return Photographs(tuple(pool.map(lambda pair: _at_sizes(pair, how, sizes), pairs)))


def _at_sizes(pair: Pair, how: Preprocessing, sizes: Sequence[int]) -> tuple[Example, ...]:
    loaded = pair.load()
    fov = field_of_view(loaded.photo, how.fov, pair.name)
    return tuple(_example(loaded, fov, replace(how, size=size)) for size in sizes)


def load_example(pair: Pair, how: Preprocessing, size: int) -> Example:
    """One pair at one working size."""
    return _at_sizes(pair, how, (size,))[0]


def _example(loaded: Loaded, fov: FieldOfView, how: Preprocessing) -> Example:
    ready = preprocess(loaded.photo, fov, how)
    return Example(ready.tensor[0], coverage_to_square(loaded.truth, ready.placement), ready.inside)


FRAMED = 0.3
"""Share of crops that lie as they are inside the working square, so that its edge is the crop's where they meet.

On a device the field of view touches that edge, and a network that never saw the two together draws vessels there.
"""


@dataclass(frozen=True)
class Crops:
    """Endless batches of augmented crops.

    Attributes:
        photographs: to crop from.
        size: side of a crop in pixels.
        batch: crops a step, of this process.
        seed: of order and crops.
        augmentation: what may happen to a crop.
        rank: this process among `world`; together they see what one process with `world` times the batch would.
        world: number of processes.
        coverage: whether the truth is the share of a pixel that is vessel, so that a vessel thinner than a pixel is
            not lost; else it is 0 or 1.
    """

    photographs: Photographs
    size: int
    batch: int
    seed: int
    augmentation: Augmentation
    rank: int = 0
    world: int = 1
    coverage: bool = True

    def batch_at(self, step: int) -> Batch:
        """The batch of one step, counted from 0."""
        items = [self._item((step * self.world + self.rank) * self.batch + k) for k in range(self.batch)]
        photo = np.stack([item.photo for item in items])
        truth, inside = (np.stack(part)[:, None] for part in zip(*[(i.truth, i.inside) for i in items], strict=True))
        return Batch(
            torch.from_numpy(photo).permute(0, 3, 1, 2).to(torch.float32) / 255,
            torch.from_numpy(truth).to(torch.float32) / 255,
            torch.from_numpy(inside).to(torch.float32) / 255,
        )

    def from_step(self, step: int, workers: int = 1, ahead: int = 4) -> Iterator[Batch]:
        """Batches from `step` on, made ahead in threads (OpenCV and NumPy release the interpreter's lock)."""
        with ThreadPoolExecutor(workers) as pool:
            waiting = [pool.submit(self.batch_at, step + k) for k in range(ahead)]
            while True:
                yield waiting.pop(0).result()
                waiting.append(pool.submit(self.batch_at, step + ahead))
                step += 1

    def _item(self, index: int) -> Example:
        """Photographs come in a new order each round; the size and the place are drawn."""
        turn, place = divmod(index, len(self.photographs))
        order = np.random.default_rng((self.seed, 0, turn)).permutation(len(self.photographs))
        rng = np.random.default_rng((self.seed, 1, index))
        sizes = self.photographs.examples[order[place]]
        example = sizes[rng.integers(len(sizes))]
        centre = _centre(example, rng)
        if rng.random() < FRAMED:
            centre = _inside_frame(centre, len(example.inside), self.size)
            return take(example, centre, self.size, self.augmentation.unmoved, rng, self.coverage)
        return take(example, centre, self.size, self.augmentation, rng, self.coverage)


def _centre(example: Example, rng: np.random.Generator) -> tuple[float, float]:
    """A pixel inside the field of view, each equally probable."""
    side = len(example.inside)
    for _ in range(100):
        x, y = rng.integers(side, size=2)
        if example.inside[y, x]:
            return float(x), float(y)
    return side / 2, side / 2


def _inside_frame(centre: tuple[float, float], side: int, crop: int) -> tuple[float, float]:
    """The nearest centre whose crop lies on whole pixels of the square and does not leave it."""
    half = (crop - 1) / 2
    x, y = (min(max(int(c) - crop // 2, 0), side - crop) + half for c in centre)
    return x, y
