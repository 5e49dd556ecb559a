"""Reduction by averaging areas."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgeseg.imaging.arrays import Box
from edgeseg.preprocessing.resize import box_window, resize_area


@pytest.mark.parametrize(
    ("area_width", "window"),
    [(1.0, 1), (1.4, 1), (1.5, None), (2.0, None), (2.6, 3), (3.4, 3), (4.0, None), (4.98, 5)],
)
def test_box_window_is_odd_and_close_to_the_area(area_width: float, window: int | None) -> None:
    assert box_window(area_width) == window


@pytest.mark.parametrize("width", [60, 40, 30, 20, 12])
def test_resize_area_is_close_to_exact_averages(width: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3)).astype(np.uint8)
    photo = cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8)
    box = Box(10, 5, 60, 60)
    resized = resize_area(photo, box, width, width)
    exact = cv2.resize(photo[5:65, 10:70], (width, width), interpolation=cv2.INTER_AREA)
    assert resized.shape == (width, width, 3)
    assert np.abs(resized.astype(int) - exact).max() <= 3


def test_resize_area_ignores_pixels_around_the_box() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (90, 90, 3)).astype(np.uint8)
    box = Box(15, 15, 60, 60)
    outside = photo.copy()
    outside[:15] = 0
    outside[:, 75:] = 255
    assert np.array_equal(resize_area(photo, box, 20, 20), resize_area(outside, box, 20, 20))
