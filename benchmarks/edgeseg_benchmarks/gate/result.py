"""Limits and results of the gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

# `incomparable` fails the gate. `skipped` means that the metric does not apply to this device or
# this call.
Outcome: TypeAlias = Literal["ok", "worse", "incomparable", "no limit", "skipped"]
TOLERANCE = 1e-9  # tolerance for rounding: a change equal to its limit passes

MEASURE_CHANGES: Mapping[str, float] = {
    "vessel_density": 0.02,
    "skeleton_density_rel": 0.02,
    "width_mean_rel": 0.02,
    "fractal_dimension_skeleton": 0.01,
    "fractal_dimension_mask": 0.01,
    "tortuosity_arc_chord_mean": 0.01,
    "tortuosity_curvature_mean_rel": 0.05,
    "branching_point_density_rel": 0.05,
}
"""Largest accepted relative change of a data set's mean, for each compared measurement."""


@dataclass(frozen=True)
class GateLimits:
    """Largest accepted regressions.

    Attributes:
        dice_drop: drop of a data set's mean Dice.
        photograph_drop: drop of one photograph's Dice.
        size_growth: growth of a model file relative to the baseline.
        latency_ratio: growth factor of the ratio between a row's time and the first row's time;
            None for no limit.
        memory_ratio: growth factor of the ratio between a row's memory and the first row's memory;
            None for no limit.
        measure_changes: dict from measurement to the relative change of a data set's mean.
    """

    dice_drop: float = 0.002
    photograph_drop: float = 0.02
    size_growth: float = 0.02
    latency_ratio: float | None = None
    memory_ratio: float | None = None
    measure_changes: Mapping[str, float] = field(default_factory=lambda: dict(MEASURE_CHANGES))


@dataclass(frozen=True)
class MetricComparison:
    """Comparison of one metric; truthy unless it fails the gate.

    Attributes:
        row: row of the benchmark, as text.
        metric: name of the metric.
        outcome: result of the comparison.
        before: value in the baseline, as text.
        now: value in the current benchmark, as text.
        change: change and limit, or the reason for the outcome.
    """

    row: str
    metric: str
    outcome: Outcome
    before: str = ""
    now: str = ""
    change: str = ""

    def __bool__(self) -> bool:
        return self.outcome not in ("worse", "incomparable")

    def __str__(self) -> str:
        values = f" {self.before} -> {self.now}" if self.before and self.now else ""
        return f"{self.row}: {self.metric}{values} ({self.change})"


@dataclass(frozen=True)
class GateResult:
    """All comparisons; truthy if the gate passes."""

    comparisons: tuple[MetricComparison, ...]

    def __bool__(self) -> bool:
        return all(self.comparisons) and bool(self.with_outcome("ok"))

    def with_outcome(self, outcome: Outcome) -> Sequence[MetricComparison]:
        """Return the comparisons with a given outcome, in order."""
        return [entry for entry in self.comparisons if entry.outcome == outcome]


def outcome_of(change: float, limit: float | None) -> Outcome:
    """Compare an increase (positive is worse) with its limit. NaN never passes."""
    if limit is None:
        return "no limit"
    return "ok" if change <= limit + TOLERANCE else "worse"
