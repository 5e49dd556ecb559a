from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg_benchmarks.statistics import median_ratio, median_stages, summarize_latency
from edgeseg_benchmarks.worker.client import RoundTiming

times = st.lists(st.floats(0.1, 1e6), min_size=1, max_size=30)


def test_median_ratio_is_computed_per_round() -> None:
    # The clock frequency halves after some rounds. The ratio is 2 in each round, but the ratio of
    # the medians is 4.
    first, row = [10.0, 10.0, 10.0, 20.0, 20.0], [20.0, 20.0, 40.0, 40.0, 40.0]
    assert median_ratio(row, first) == 2.0


def test_median_ratio_with_fewer_rounds_uses_common_rounds() -> None:
    assert median_ratio([30.0, 30.0], [10.0, 10.0, 99.0, 99.0]) == 3.0
    assert median_ratio([], [10.0]) is None


@given(times)
def test_median_ratio_of_a_row_to_itself_is_one(row: list[float]) -> None:
    assert median_ratio(row, row) == 1.0


@given(times)
def test_summarize_latency_returns_ordered_percentiles(row: list[float]) -> None:
    latency = summarize_latency(row)
    assert min(row) == latency.min <= latency.p50 <= latency.p90 <= latency.p95
    assert latency.p95 <= max(row) * (1 + 1e-12)


def test_summarize_latency_of_known_times() -> None:
    latency = summarize_latency([float(n) for n in range(1, 101)])
    assert (latency.p50, latency.min) == (50.5, 1.0)
    assert (latency.p90, latency.p95) == pytest.approx((90.1, 95.05))


def test_median_stages_of_three_rounds() -> None:
    rounds = [RoundTiming(1.0, 2.0, {"decode": ms, "infer": 2 * ms}) for ms in (1.0, 9.0, 3.0)]
    assert median_stages(rounds) == {"decode": 3.0, "infer": 6.0}
