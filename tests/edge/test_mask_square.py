"""The quick way to the working size is the definition, bit for bit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg import mask_square
from edgeseg.arrays import Mask


def drawn(seed: int, height: int, width: int, shapes: int) -> Mask:
    """Ellipses and bars: one run a row where there is one shape, more where there are several."""
    rng, mask = np.random.default_rng(seed), np.zeros((height, width), np.uint8)
    for _ in range(shapes):
        x, y, across, down = (int(v) for v in rng.integers(0, [width, height, width, height]))
        cv2.ellipse(mask, (x, y), (across, down), 0, 0, 360, int(rng.choice([0, 255, 255])), -1)
    return mask


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    share=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
    shapes=st.integers(0, 4),
)
def test_it_is_opencv_s_area_average(seed: int, size: tuple[int, int], share: tuple[float, float], shapes: int) -> None:
    mask = drawn(seed, *size, shapes)
    height, width = (max(1, round(part * whole)) for part, whole in zip(share, size, strict=True))
    small = mask_square.shrink(mask, width, height)
    resized = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA))
    assert small.dtype == np.uint8
    assert np.array_equal(small, np.where(resized > 127, 255, 0))


@pytest.mark.parametrize("target", [(64, 64), (33, 57), (100, 100)])
def test_noise_takes_the_slow_way_and_is_right(target: tuple[int, int]) -> None:
    mask: Mask = np.where(np.random.default_rng(3).random((100, 100)) < 0.5, np.uint8(255), np.uint8(0))
    resized = np.asarray(cv2.resize(mask, target, interpolation=cv2.INTER_AREA))
    assert np.array_equal(mask_square.shrink(mask, *target), np.where(resized > 127, 255, 0))


def test_a_part_of_a_larger_mask_need_not_be_contiguous() -> None:
    mask = drawn(5, 200, 300, 1)
    mask[20:180, 30:270] |= 255
    part = mask[10:190, 20:280]
    assert np.array_equal(mask_square.shrink(part, 97, 61), mask_square.averaged(part, 97, 61))
