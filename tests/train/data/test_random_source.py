"""Random numbers of the augmentation."""

from __future__ import annotations

import numpy as np
import torch

from edgeseg_train.data.random_source import RandomSource


def make_random(seed: int = 0) -> RandomSource:
    return RandomSource(np.random.default_rng(seed))


def test_random_source_values_are_in_range() -> None:
    random = make_random()
    even, steep, bell = (
        random.uniform(2, 3, 9000),
        random.log_uniform(0.1, 10, 9000),
        random.normal(4, 9000),
    )
    assert {part.dtype for part in (even, steep, bell)} == {torch.float32}
    assert 2 <= even.min() < 2.01 and 2.99 < even.max() <= 3
    assert 0.099 < steep.min() < 0.11 and 9 < steep.max() < 10.01 and 0.8 < steep.median() < 1.25
    assert abs(bell.mean()) < 0.2 and 3.8 < bell.std() < 4.2
