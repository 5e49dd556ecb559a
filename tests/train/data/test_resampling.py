"""Batch resampling gives the results of OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from edgeseg_train.data.resampling import enlarge_batch, shrink_batch


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
