"""Drawn photographs as a data set: `synthetic:N`."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg.datasets.pair import Loaded, Split
from edgeseg.errors import UsageError
from edgeseg.synthetic import draw

FIRST_SEED: dict[Split, int] = {"train": 1_000_000, "validation": 2_000_000, "test": 3_000_000}
"""So far apart that no two splits share a seed."""

MOST = 1_000_000


@dataclass(frozen=True)
class DrawnPair:
    """A pair that is drawn anew from its seed each time."""

    name: str
    split: Split
    seed: int
    size: int = 1024

    def load(self) -> Loaded:
        """Draw it."""
        drawn = draw(self.seed, self.size)
        return Loaded(drawn.photo, drawn.truth, drawn.fov)


def read_synthetic(count: str) -> list[DrawnPair]:
    """`count` drawn pairs for each split."""
    if not count.isdecimal() or len(count) > len(str(MOST)) or not 1 <= int(count) <= MOST:
        raise UsageError(f"synthetic:{count}: expected synthetic:N with N from 1 to {MOST}")
    return [
        DrawnPair(f"drawn_{first + k}", split, first + k)
        for split, first in FIRST_SEED.items()
        for k in range(int(count))
    ]
