"""Statistics of the rounds of a row."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from edgeseg_benchmarks.record import Latency

if TYPE_CHECKING:
    from edgeseg_benchmarks.worker.client import RoundTiming


def summarize_latency(times: Sequence[float]) -> Latency:
    """Return the percentiles and the minimum of the rounds' times, in milliseconds."""
    p50, p90, p95 = np.percentile(times, [50, 90, 95]).tolist()
    return Latency(p50, p90, p95, min(times))


def median_ratio(times: Sequence[float], reference: Sequence[float]) -> float | None:
    """Return the median of the ratios per round, so that changes of the clock rate cancel out.

    Args:
        times: time of a row in each round.
        reference: time of the other row in each round. Only rounds that both rows have are used.

    Returns:
        The ratio; None if the rows have no common round.
    """
    pairs = zip(times, reference, strict=False)
    ratios = [time / other for time, other in pairs if other > 0]
    return median(ratios) if ratios else None


def median_stages(rounds: Sequence[RoundTiming]) -> dict[str, float]:
    """Return the median time of each stage, in milliseconds."""
    medians = {}
    for stage in rounds[0].stages_ms:
        medians[stage] = median(timing.stages_ms[stage] for timing in rounds)
    return medians
