"""Drawn photographs as a data set: `synthetic:N`."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg.datasets.pair import LoadedPair, Split
from edgeseg.errors import UsageError
from edgeseg.synthetic import generate_photo

FIRST_SEED: dict[Split, int] = {"train": 1_000_000, "validation": 2_000_000, "test": 3_000_000}
"""So far apart that no two splits share a seed."""

MOST = 1_000_000


@dataclass(frozen=True)
class SyntheticPair:
    """A pair that is drawn anew from its seed each time."""

    name: str
    split: Split
    seed: int
    size: int = 1024

    def load(self) -> LoadedPair:
        """Draw it."""
        drawn = generate_photo(self.seed, self.size)
        return LoadedPair(drawn.photo, drawn.truth, drawn.fov)


def read_synthetic(count: str) -> list[SyntheticPair]:
    """`count` drawn pairs for each split."""
    if not count.isdecimal() or len(count) > len(str(MOST)) or not 1 <= int(count) <= MOST:
        raise UsageError(f"synthetic:{count}: expected synthetic:N with N from 1 to {MOST}")
    return [
        SyntheticPair(f"drawn_{first + k}", split, first + k)
        for split, first in FIRST_SEED.items()
        for k in range(int(count))
    ]
