"""Validation photographs as from a camera of few pixels."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.datasets import DataSet
from edgeseg.datasets.drawn import DrawnPair
from edgeseg.preprocess import preset
from edgeseg_train.checkpoint import Checkpoint, WorkingSize
from edgeseg_train.low_resolution import COARSE_WIDTH, ReducedPair, at_low_resolution
from edgeseg_train.network import build, named
from edgeseg_train.thresholds import choose_thresholds
from edgeseg_train.validate import hold

DRAWN = DataSet("drawn", "validation", (DrawnPair("one", "validation", 3),))


def test_a_reduced_pair_is_smaller_and_its_vessels_are_marked_wider() -> None:
    whole, small = DRAWN.pairs[0].load(), at_low_resolution([DRAWN])[0].pairs[0].load()
    assert small.photo.shape == (COARSE_WIDTH, COARSE_WIDTH, 3) and small.photo.dtype == np.uint8
    assert small.truth.shape == (COARSE_WIDTH, COARSE_WIDTH) and set(np.unique(small.truth)) == {0, 255}
    assert whole.truth.mean() * 1.05 < small.truth.mean() < whole.truth.mean() * 2
    assert small.fov is not None and set(np.unique(small.fov)) == {0, 255}


def test_a_pair_of_few_pixels_stays_as_it_is() -> None:
    pair = DrawnPair("small", "validation", 3, 400)
    whole, same = pair.load(), ReducedPair(pair).load()
    assert (ReducedPair(pair).name, ReducedPair(pair).split) == ("small", "validation")
    np.testing.assert_array_equal(whole.photo, same.photo)
    np.testing.assert_array_equal(whole.truth, same.truth)


def test_a_threshold_serves_both(capsys: pytest.CaptureFixture[str]) -> None:
    how, tiny = preset("edge", 96), named("tiny")
    sizes = (WorkingSize("default", 96), WorkingSize("detail", 128))
    begun = Checkpoint(tiny, build(tiny).state_dict(), how, sizes, ())
    chosen = choose_thresholds(begun, [DRAWN], hold([DRAWN], how, 96))
    told = capsys.readouterr().err
    for size in chosen.sizes:
        found = chosen.evidence[size.name]
        assert set(found) == {"mean", "drawn", "drawn at 565"}
        assert found["mean"] == pytest.approx((found["drawn"] + found["drawn at 565"]) / 2)
        assert f"{size.name} {size.size}: threshold {size.threshold:.3f}" in told
