"""Reduction of photographs to a low resolution, one by one and in batches."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from edgeseg.datasets import DataSet
from edgeseg.datasets.synthetic_pairs import SyntheticPair
from edgeseg_train.data.low_resolution import (
    LOW_RESOLUTION_WIDTH,
    ReducedPair,
    enlarge_batch,
    reduce_data_sets,
    shrink_batch,
)

SYNTHETIC = DataSet("drawn", "validation", (SyntheticPair("one", "validation", 3),))


def test_reduce_data_sets_widens_vessels_of_reduced_pair() -> None:
    original = SYNTHETIC.pairs[0].load()
    small = reduce_data_sets([SYNTHETIC])[0].pairs[0].load()
    assert small.photo.shape == (LOW_RESOLUTION_WIDTH, LOW_RESOLUTION_WIDTH, 3)
    assert small.photo.dtype == np.uint8
    assert small.truth.shape == (LOW_RESOLUTION_WIDTH, LOW_RESOLUTION_WIDTH)
    assert set(np.unique(small.truth)) == {0, 255}
    assert original.truth.mean() * 1.05 < small.truth.mean() < original.truth.mean() * 2
    assert small.fov is not None and set(np.unique(small.fov)) == {0, 255}


def test_reduced_pair_below_width_is_unchanged() -> None:
    pair = SyntheticPair("small", "validation", 3, 400)
    original = pair.load()
    same = ReducedPair(pair).load()
    assert (ReducedPair(pair).name, ReducedPair(pair).split) == ("small", "validation")
    np.testing.assert_array_equal(original.photo, same.photo)
    np.testing.assert_array_equal(original.truth, same.truth)


@pytest.mark.parametrize(
    ("side_before", "sides"),
    [(65, (54, 22, 33, 40)), (320, (107, 267, 160)), (8, (3, 7)), (9, (9, 3))],
)
def test_shrink_and_enlarge_batch_match_opencv(side_before: int, sides: tuple[int, ...]) -> None:
    images = torch.rand(
        len(sides), 4, side_before, side_before, generator=torch.Generator().manual_seed(0)
    )
    small = shrink_batch(images, np.array(sides))
    assert small.shape == (len(sides), 4, max(sides), max(sides))
    back = enlarge_batch(small, np.array(sides), side_before)
    assert back.shape == images.shape
    for number, side in enumerate(sides):
        own = np.ascontiguousarray(small[number, :, :side, :side].movedim(0, -1).numpy())
        area = cv2.resize(
            images[number].movedim(0, -1).numpy().copy(), (side, side), interpolation=cv2.INTER_AREA
        )
        np.testing.assert_allclose(own, area, atol=1e-4)
        linear = cv2.resize(own, (side_before, side_before), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(back[number].movedim(0, -1).numpy(), linear, atol=1e-4)
