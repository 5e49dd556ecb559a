"""Training crops of each step.

The crops depend only on the seed, the step, the type of device and the rank of the process.
Therefore, no state is stored, and a resumed run continues with the same photographs in the same
order.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from edgeseg_train.data.augmentation import Augmentation, CropPlacement, sample_crops
from edgeseg_train.data.photo_store import Batch, PhotoStore

# Share of framed crops. A framed crop is inside the network input and aligned to its pixels, so
# that it is not resampled. In `edgeseg run`, the field of view touches the edges of the network
# input. A network that is trained without framed crops predicts false vessels at these edges.
FRAMED_SHARE = 0.3

# Number of attempts to sample a centre inside the field of view.
CENTRE_ATTEMPTS = 100


@dataclass(frozen=True)
class CropSampler:
    """Endless batches of augmented crops.

    Attributes:
        photographs: photographs from which crops are taken.
        size: side of a crop in pixels.
        batch: number of crops in a step of this process.
        seed: seed of crop order and augmentation.
        augmentation: transforms and their probabilities.
        rank: number of this process. Together, the processes use the same crops as a single process
            with a larger batch, but each process augments its crops with its own random numbers.
        world_size: number of processes.
        coverage: whether masks contain the vessel share of each pixel instead of 0 and 1. Shares
            preserve vessels that are thinner than a pixel.
    """

    photographs: PhotoStore
    size: int
    batch: int
    seed: int
    augmentation: Augmentation
    rank: int = 0
    world_size: int = 1
    coverage: bool = True

    def sample_batch(self, step: int) -> Batch:
        """Return the batch of one step (counted from 0), on the photographs' device."""
        rng = np.random.default_rng((self.seed, 1, step))
        placements = [self._draw_placement(index, rng) for index in self._photographs_of(step)]
        own = placements[self.rank * self.batch :][: self.batch]
        return sample_crops(
            self.photographs,
            own,
            self.size,
            self.augmentation,
            np.random.default_rng((self.seed, 2, step, self.rank)),
            self.coverage,
        )

    def iterate_from(self, step: int, workers: int = 1, ahead: int = 4) -> Iterator[Batch]:
        """Yield the batches from `step` on, prepared in threads. PyTorch releases the GIL.

        Args:
            step: first step.
            workers: number of threads.
            ahead: number of batches to prepare in advance.
        """
        # Each worker uses one PyTorch thread. More threads would slow down the network on two
        # cores.
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            pending = [pool.submit(self.sample_batch, step + k) for k in range(ahead)]
            while True:
                yield pending.pop(0).result()
                pending.append(pool.submit(self.sample_batch, step + ahead))
                step += 1

    def _photographs_of(self, step: int) -> list[int]:
        """Return the photographs of a step in all processes. The order changes in every epoch."""
        crops_per_step = self.world_size * self.batch
        count = len(self.photographs)
        first = step * crops_per_step
        rounds = range(first // count, (first + crops_per_step - 1) // count + 1)
        orders = [np.random.default_rng((self.seed, 0, k)).permutation(count) for k in rounds]
        indices: list[int] = np.concatenate(orders).tolist()
        return indices[first - rounds.start * count :][:crops_per_step]

    def _draw_placement(self, photograph: int, rng: np.random.Generator) -> CropPlacement:
        sides = self.photographs.sides[photograph]
        size = int(rng.integers(len(sides)))
        centre = self._draw_centre(photograph, size, rng)
        framed = rng.random() < FRAMED_SHARE
        if framed:
            centre = _move_into_square(centre, sides[size], self.size)
        return CropPlacement(photograph, size, centre, framed)

    def _draw_centre(
        self, photograph: int, size: int, rng: np.random.Generator
    ) -> tuple[float, float]:
        """Sample a pixel of the field of view with uniform probability."""
        side = self.photographs.sides[photograph][size]
        for _ in range(CENTRE_ATTEMPTS):
            x, y = rng.integers(side, size=2).tolist()
            if self.photographs.is_inside(photograph, size, x, y):
                return x, y
        return side / 2, side / 2


def _move_into_square(centre: tuple[float, float], side: int, crop: int) -> tuple[float, float]:
    """Return the nearest centre with which a crop is aligned to pixels and inside the square."""
    x, y = (min(max(int(c) - crop // 2, 0), side - crop) + (crop - 1) / 2 for c in centre)
    return x, y
