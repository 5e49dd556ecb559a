"""Averages of areas."""

from __future__ import annotations

import pytest

from edgeseg.preprocessing.resize import box_window


@pytest.mark.parametrize(
    ("pixels", "window"),
    [(1.0, 1), (1.4, 1), (1.5, None), (2.0, None), (2.6, 3), (3.4, 3), (4.0, None), (4.98, 5)],
)
def test_a_window_is_odd_and_nearly_the_area(pixels: float, window: int | None) -> None:
    assert box_window(pixels) == window
