"""Statistics of pixels, computed from a histogram."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.imaging.levels import count_levels, percentile


@given(
    st.lists(st.integers(0, 255), min_size=1, max_size=300),
    st.sampled_from([0, 1, 10, 25, 50, 75, 99, 100]),
)
def test_percentile_of_counts_equals_numpy(levels: list[int], percent: int) -> None:
    pixels = np.array([levels], np.uint8)
    expected = np.percentile(pixels, percent)
    assert percentile(count_levels(pixels), percent) == pytest.approx(expected, abs=1e-9)


def test_count_levels_counts_only_pixels_inside() -> None:
    pixels = np.array([[0, 7, 7, 255]], np.uint8)
    counts = count_levels(pixels, np.array([[255, 255, 0, 255]], np.uint8))
    assert counts.sum() == 3
    assert (counts[[0, 7, 255]] == 1).all()
