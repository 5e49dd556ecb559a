"""The crops of each step.

What a step sees is a function of the seed, the step, the kind of device and, among several, the process: nothing to
store, and a resumed run goes on with the same photographs in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from edgeseg_train.data.augmentation import Augmentation, CropPlacement, sample_crops
from edgeseg_train.data.photo_store import Batch, PhotoStore

FRAMED = 0.3
"""Share of crops that lie as they are inside the working square, so that its edge is the crop's where they meet.

On a device the field of view touches that edge, and a network that never saw the two together draws vessels there.
"""


@dataclass(frozen=True)
class CropSampler:
    """Endless batches of augmented crops.

    Attributes:
        photographs: to crop from.
        size: side of a crop in pixels.
        batch: crops a step, of this process.
        seed: of order and crops.
        augmentation: what may happen to a crop.
        rank: this process among `world`; together they take the crops that one process with `world` times the batch
            would, and each augments its own.
        world: number of processes.
        coverage: whether the truth is the share of a pixel that is vessel, so that a vessel thinner than a pixel is
            not lost; else it is 0 or 1.
    """

    photographs: PhotoStore
    size: int
    batch: int
    seed: int
    augmentation: Augmentation
    rank: int = 0
    world: int = 1
    coverage: bool = True

    def batch_at(self, step: int) -> Batch:
        """The batch of one step, counted from 0, on the photographs' device."""
        rng = np.random.default_rng((self.seed, 1, step))
        places = [self._place(photograph, rng) for photograph in self._turns(step)]
        own = places[self.rank * self.batch :][: self.batch]
        rng = np.random.default_rng((self.seed, 2, step, self.rank))
        return sample_crops(self.photographs, own, self.size, self.augmentation, rng, self.coverage)

    def from_step(self, step: int, workers: int = 1, ahead: int = 4) -> Iterator[Batch]:
        """Batches from `step` on, made ahead in threads (PyTorch releases the interpreter's lock)."""
        # A thread of PyTorch's own for each: where it has two cores, the network's would wait for them.
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            waiting = [pool.submit(self.batch_at, step + k) for k in range(ahead)]
            while True:
                yield waiting.pop(0).result()
                waiting.append(pool.submit(self.batch_at, step + ahead))
                step += 1

    def _turns(self, step: int) -> list[int]:
        """Numbers of the photographs that all processes see at a step; they come in a new order each round."""
        of_a_step, count = self.world * self.batch, len(self.photographs)
        first = step * of_a_step
        rounds = range(first // count, (first + of_a_step - 1) // count + 1)
        orders = [
            np.random.default_rng((self.seed, 0, number)).permutation(count) for number in rounds
        ]
        turns: list[int] = np.concatenate(orders).tolist()
        return turns[first - rounds.start * count :][:of_a_step]

    def _place(self, photograph: int, rng: np.random.Generator) -> CropPlacement:
        """The size and the place are drawn."""
        sides = self.photographs.sides[photograph]
        size = int(rng.integers(len(sides)))
        centre = self._centre(photograph, size, rng)
        if rng.random() < FRAMED:
            return CropPlacement(
                photograph, size, _inside_frame(centre, sides[size], self.size), framed=True
            )
        return CropPlacement(photograph, size, centre)

    def _centre(self, photograph: int, size: int, rng: np.random.Generator) -> tuple[float, float]:
        """A pixel inside the field of view, each equally probable."""
        side = self.photographs.sides[photograph][size]
        for _ in range(100):
            x, y = (int(c) for c in rng.integers(side, size=2))
            if self.photographs.is_inside(photograph, size, x, y):
                return x, y
        return side / 2, side / 2


def _inside_frame(centre: tuple[float, float], side: int, crop: int) -> tuple[float, float]:
    """The nearest centre whose crop lies on whole pixels of the square and does not leave it."""
    half = (crop - 1) / 2
    x, y = (min(max(int(c) - crop // 2, 0), side - crop) + half for c in centre)
    return x, y
