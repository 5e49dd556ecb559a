"""Figures out of the rounds: percentiles, and ratios pair by pair so that a drifting clock harms none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from edgeseg_benchmarks.record.row import Latency


@dataclass(frozen=True)
class Turn:
    """What one row took in one round, in milliseconds.

    Attributes:
        network: the network alone.
        end_to_end: from a file's bytes to the mask.
        stages: of `end_to_end`, by name.
    """

    network: float
    end_to_end: float
    stages: Mapping[str, float]


def latency(times: Sequence[float]) -> Latency:
    """Milliseconds of each round -> the figures."""
    p50, p90, p95 = (float(value) for value in np.percentile(times, [50, 90, 95]))
    return Latency(p50, p90, p95, min(times))


def ratio(times: Sequence[float], first: Sequence[float]) -> float | None:
    """Median over rounds of the ratio in each round; rows that took fewer rounds are compared in those.

    Args:
        times: of a row, in the rounds' order.
        first: of the row that it is compared with.
    """
    pairs = [one / other for one, other in zip(times, first, strict=False) if other > 0]
    return median(pairs) if pairs else None


def stages(turns: Sequence[Turn]) -> dict[str, float]:
    """Median of each stage."""
    return {name: median(turn.stages[name] for turn in turns) for name in turns[0].stages}
