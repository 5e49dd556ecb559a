from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg_benchmarks.statistics import Turn, latency, ratio, stages

times = st.lists(st.floats(0.1, 1e6), min_size=1, max_size=30)


def test_ratios_are_taken_round_by_round() -> None:
    # The clock halves in the middle: each round's ratio is 2, that of the medians would be 4.
    first, row = [10.0, 10.0, 10.0, 20.0, 20.0], [20.0, 20.0, 40.0, 40.0, 40.0]
    assert ratio(row, first) == 2.0


def test_a_row_of_fewer_rounds_is_compared_in_those() -> None:
    assert ratio([30.0, 30.0], [10.0, 10.0, 99.0, 99.0]) == 3.0
    assert ratio([], [10.0]) is None


@given(times)
def test_a_row_against_itself_is_one(row: list[float]) -> None:
    assert ratio(row, row) == 1.0


@given(times)
def test_percentiles_are_in_order(row: list[float]) -> None:
    found = latency(row)
    assert min(row) == found.min <= found.p50 <= found.p90 <= found.p95 <= max(row) * (1 + 1e-12)


def test_percentiles_of_given_times() -> None:
    found = latency([float(n) for n in range(1, 101)])
    assert (found.p50, found.min) == (50.5, 1.0)
    assert (found.p90, found.p95) == pytest.approx((90.1, 95.05))


def test_stages_are_medians() -> None:
    turns = [Turn(1.0, 2.0, {"decode": ms, "infer": 2 * ms}) for ms in (1.0, 9.0, 3.0)]
    assert stages(turns) == {"decode": 3.0, "infer": 6.0}
