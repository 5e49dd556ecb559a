"""Curves that are shortened at their ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.measures.curves import Curves

removed_lengths = st.floats(0, 60)


def straight_curves(step: float, *counts: int) -> Curves:
    """Return open horizontal curves with the given numbers of points."""
    points = [np.stack([step * np.arange(count), np.zeros(count)], 1) for count in counts]
    return Curves(np.concatenate(points), np.array(counts), np.zeros(len(counts), bool))


@given(st.floats(1, 20), removed_lengths, removed_lengths)
def test_trimmed_curves_have_at_least_two_points(step: float, start: float, end: float) -> None:
    curves = straight_curves(step, 2, 3, 5, 9)
    trimmed = curves.trim(np.full(4, start), np.full(4, end))
    assert trimmed.counts.min() >= 2
    assert trimmed.counts.sum() == len(trimmed.points)
    assert trimmed.lengths().min() > 0


def test_trim_removes_points_of_long_curves_only() -> None:
    # The middle part of the first curve contains one point, and that of the second no point.
    curves = straight_curves(10.0, 3, 2, 9)
    trimmed = curves.trim(np.array([7.0, 2.0, 7.0]), np.array([7.0, 2.0, 25.0]))
    assert trimmed.counts.tolist() == [3, 2, 5]
    assert trimmed.points[trimmed.starts[2], 0] == 10
    assert trimmed.lengths() == pytest.approx([20, 10, 40])
