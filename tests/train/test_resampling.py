"""A batch is resampled as OpenCV would resample each."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from edgeseg_train.data.resampling import area_averaged, stretched_back


@pytest.mark.parametrize(
    ("whole", "sides"), [(65, (54, 22, 33, 40)), (320, (107, 267, 160)), (8, (3, 7)), (9, (9, 3))]
)
def test_a_batch_is_reduced_and_enlarged_as_opencv_would_each(
    whole: int, sides: tuple[int, ...]
) -> None:
    images = torch.rand(len(sides), 4, whole, whole, generator=torch.Generator().manual_seed(0))
    small = area_averaged(images, np.array(sides))
    assert small.shape == (len(sides), 4, max(sides), max(sides))
    back = stretched_back(small, np.array(sides), whole)
    assert back.shape == images.shape
    for number, side in enumerate(sides):
        own = np.ascontiguousarray(small[number, :, :side, :side].movedim(0, -1).numpy())
        area = cv2.resize(
            images[number].movedim(0, -1).numpy().copy(), (side, side), interpolation=cv2.INTER_AREA
        )
        np.testing.assert_allclose(own, area, atol=1e-4)
        linear = cv2.resize(own, (whole, whole), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(back[number].movedim(0, -1).numpy(), linear, atol=1e-4)
