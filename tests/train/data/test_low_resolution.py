"""Reduction of validation photographs to the resolution of a coarse camera."""

from __future__ import annotations

import numpy as np

from edgeseg.datasets import DataSet
from edgeseg.datasets.synthetic_pairs import SyntheticPair
from edgeseg_train.data.low_resolution import COARSE_WIDTH, ReducedPair, reduce_data_sets

SYNTHETIC = DataSet("drawn", "validation", (SyntheticPair("one", "validation", 3),))


def test_reduce_data_sets_widens_vessels_of_smaller_pair() -> None:
    original, small = SYNTHETIC.pairs[0].load(), reduce_data_sets([SYNTHETIC])[0].pairs[0].load()
    assert small.photo.shape == (COARSE_WIDTH, COARSE_WIDTH, 3) and small.photo.dtype == np.uint8
    assert small.truth.shape == (COARSE_WIDTH, COARSE_WIDTH) and set(np.unique(small.truth)) == {
        0,
        255,
    }
    assert original.truth.mean() * 1.05 < small.truth.mean() < original.truth.mean() * 2
    assert small.fov is not None and set(np.unique(small.fov)) == {0, 255}


def test_reduced_pair_below_width_is_unchanged() -> None:
    pair = SyntheticPair("small", "validation", 3, 400)
    original, same = pair.load(), ReducedPair(pair).load()
    assert (ReducedPair(pair).name, ReducedPair(pair).split) == ("small", "validation")
    np.testing.assert_array_equal(original.photo, same.photo)
    np.testing.assert_array_equal(original.truth, same.truth)
