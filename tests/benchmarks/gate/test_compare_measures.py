"""Comparison of the measurements of predicted masks by the gate."""

from __future__ import annotations

import pytest

from edgeseg_benchmarks.gate.compare_measures import compare_measures
from edgeseg_benchmarks.gate.result import GateLimits, MetricComparison
from edgeseg_benchmarks.record import BenchRow
from edgeseg_benchmarks.record.measures import DataSetMeasures

Figures = dict[str, float | None]


def row_of(*photographs: Figures, version: int = 1) -> BenchRow:
    named = {f"{number:02}": figures for number, figures in enumerate(photographs)}
    measured = (DataSetMeasures("drive", "test", version, named),)
    return BenchRow("default", "fp32", "onnxruntime", 2, measured=measured)


def compare(before: BenchRow, now: BenchRow, **limits: float) -> list[MetricComparison]:
    return list(compare_measures(before, now, GateLimits(measure_changes=limits), ()))


@pytest.mark.parametrize(
    ("now", "outcome"), [(5.0, "ok"), (5.09, "ok"), (5.11, "worse"), (4.89, "worse")]
)
def test_compare_measures_limits_a_change_in_both_directions(now: float, outcome: str) -> None:
    (entry,) = compare(
        row_of({"width_mean_rel": 4.0}, {"width_mean_rel": 6.0}),
        row_of({"width_mean_rel": now - 1}, {"width_mean_rel": now + 1}),
        width_mean_rel=0.02,
    )
    assert entry.outcome == outcome
    assert bool(entry) == (outcome == "ok")


def test_compare_measures_fails_if_a_measurement_becomes_unknown() -> None:
    before, now = row_of({"width_mean_rel": 4.0}), row_of({"width_mean_rel": None})
    assert [entry.outcome for entry in compare(before, now, width_mean_rel=0.5)] == ["worse"]
    assert [entry.outcome for entry in compare(now, before, width_mean_rel=0.5)] == ["skipped"]


def test_compare_measures_of_other_definitions_or_photographs_is_incomparable() -> None:
    before = row_of({"vessel_density": 0.1})
    for now in (
        row_of({"vessel_density": 0.1}, version=2),
        row_of({"vessel_density": 0.1}, {"vessel_density": 0.1}),
        BenchRow("default", "fp32", "onnxruntime", 2),
    ):
        outcomes = [entry.outcome for entry in compare(before, now, vessel_density=0.5)]
        assert outcomes == ["incomparable"]


def test_compare_measures_skips_omitted_data_sets_and_baselines_without_measures() -> None:
    empty = BenchRow("default", "fp32", "onnxruntime", 2)
    before = row_of({"vessel_density": 0.1})
    (entry,) = compare_measures(before, empty, GateLimits(), {("drive", "test")})
    assert entry.outcome == "skipped"
    assert compare(empty, before, vessel_density=0.1) == []
