"""`synthetic:N` as a data set."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from edgeseg.datasets import open_data
from edgeseg.datasets.synthetic_pairs import FIRST_SEED
from edgeseg.errors import UsageError
from edgeseg.synthetic import generate_photo


def test_synthetic_splits_share_no_seed() -> None:
    pairs = open_data("synthetic:50", "all").pairs
    assert Counter(pair.split for pair in pairs) == {"train": 50, "validation": 50, "test": 50}
    assert len({pair.name for pair in pairs}) == 150
    seeds = sorted(FIRST_SEED.values())
    assert min(b - a for a, b in pairwise(seeds)) >= 1_000_000


def test_synthetic_pair_loads_generated_photograph() -> None:
    loaded = open_data("synthetic:1", "test").pairs[0].load()
    expected = generate_photo(FIRST_SEED["test"], 1024)
    assert np.array_equal(loaded.photo, expected.photo)
    assert np.array_equal(loaded.truth, expected.truth)
    assert loaded.fov is not None
    assert np.array_equal(loaded.fov, expected.fov)


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "many", "1000001", "9" * 5000])
def test_synthetic_invalid_count_is_rejected(count: str) -> None:
    with pytest.raises(UsageError, match="synthetic:N"):
        open_data(f"synthetic:{count}", "test")
