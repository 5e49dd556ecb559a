"""Comparison of the measurements of two benchmarks.

A change in either direction is a regression, because measurements of different models must not be
mixed.
"""

import math
from collections.abc import Collection, Iterator, Mapping

from edgeseg_benchmarks.gate.result import GateLimits, MetricComparison, Outcome, outcome_of
from edgeseg_benchmarks.record import BenchRow
from edgeseg_benchmarks.record.measures import DataSetMeasures


def compare_measures(
    before: BenchRow, now: BenchRow, limits: GateLimits, omitted: Collection[tuple[str, str]]
) -> Iterator[MetricComparison]:
    """Compare the measurements of each data set that was measured in the baseline.

    Args:
        before: row of the baseline.
        now: same row of the current benchmark.
        limits: largest accepted changes.
        omitted: name and split of the baseline's data sets whose photographs were not given.
    """
    current = {(measured.name, measured.split): measured for measured in now.measured}
    for measured in before.measured:
        key = (measured.name, measured.split)
        if key in current:
            yield from _compare_data_set(str(before.key), measured, current[key], limits)
            continue
        reason = (
            "missing in the current benchmark. Create a benchmark with `bench --data --measures`."
        )
        outcome: Outcome = "skipped" if key in omitted else "incomparable"
        metric = f"measurements {measured.name}"
        yield MetricComparison(str(before.key), metric, outcome, change=reason)


def _compare_data_set(
    row: str, before: DataSetMeasures, now: DataSetMeasures, limits: GateLimits
) -> Iterator[MetricComparison]:
    title = f"{before.name} {before.split}"
    if before.version != now.version:
        reason = f"definitions: version {before.version} in the baseline, version {now.version} now"
        yield MetricComparison(row, f"measurements {title}", "incomparable", change=reason)
        return
    different = sorted(before.photographs.keys() ^ now.photographs.keys())
    if different:
        reason = f"other photographs: {', '.join(different[:5])}"
        yield MetricComparison(row, f"measurements {title}", "incomparable", change=reason)
        return
    for name, limit in limits.measure_changes.items():
        yield _compare_measure(row, title, name, limit, before.photographs, now.photographs)


def _compare_measure(
    row: str,
    title: str,
    name: str,
    limit: float,
    before: Mapping[str, Mapping[str, float | None]],
    now: Mapping[str, Mapping[str, float | None]],
) -> MetricComparison:
    """Compare the mean of the photographs that have this measurement in the baseline."""
    metric = f"{name} {title}"
    old: list[float] = []
    new: list[float] = []
    for photograph, values in before.items():
        value, current = values.get(name), now[photograph].get(name)
        if value is None:
            continue
        if current is None:
            reason = f"unknown for {photograph}"
            return MetricComparison(row, metric, "worse", f"{value:.4g}", "none", reason)
        old.append(value)
        new.append(current)
    if not old:
        reason = "unknown for every photograph of the baseline"
        return MetricComparison(row, metric, "skipped", change=reason)
    first, second = math.fsum(old) / len(old), math.fsum(new) / len(new)
    change = second / first - 1 if first else second - first
    text = f"{change:+.2%}, limit {limit:.1%}"
    outcome = outcome_of(abs(change), limit)
    return MetricComparison(row, metric, outcome, f"{first:.5g}", f"{second:.5g}", text)
