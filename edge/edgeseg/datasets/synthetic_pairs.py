"""Synthetic photographs as a data set: `synthetic:N`."""

from dataclasses import dataclass

from edgeseg.datasets.pair import LoadedPair, Split
from edgeseg.errors import UsageError
from edgeseg.synthetic import generate_photo

MAX_COUNT = 1_000_000

# The first seeds of the splits differ by `MAX_COUNT`, so that no two splits share a seed.
FIRST_SEED: dict[Split, int] = {"train": 1_000_000, "validation": 2_000_000, "test": 3_000_000}


@dataclass(frozen=True)
class SyntheticPair:
    """Pair that is generated from its seed on every load.

    Attributes:
        name: name, unique in its data set.
        split: split of the photograph.
        seed: seed of the generator.
        size: side of the square photograph in pixels.
    """

    name: str
    split: Split
    seed: int
    size: int = 1024

    def load(self) -> LoadedPair:
        """Generate the photograph, its vessel mask and its field of view."""
        synthetic = generate_photo(self.seed, self.size)
        return LoadedPair(synthetic.photo, synthetic.truth, synthetic.fov)


def read_synthetic(count: str) -> list[SyntheticPair]:
    """Create `count` pairs for each split.

    Raises:
        UsageError: `count` is not a number from 1 to `MAX_COUNT`.
    """
    # The length is checked because int() rejects very long numbers.
    if not count.isdecimal() or len(count) > 7 or not 1 <= int(count) <= MAX_COUNT:
        raise UsageError(
            f"synthetic:{count}: invalid number. Use synthetic:N with N from 1 to {MAX_COUNT}."
        )
    return [
        SyntheticPair(f"drawn_{seed}", split, seed)
        for split, first in FIRST_SEED.items()
        for seed in range(first, first + int(count))
    ]
