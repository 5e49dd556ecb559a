"""Two benches -> what changed, row by row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from edgeseg.models.selection import INT8_FEATURES
from edgeseg_benchmarks.gate.accuracy import Names, compare_accuracy
from edgeseg_benchmarks.gate.cost import compare_ratios, compare_size, first_measured
from edgeseg_benchmarks.gate.verdict import GateLimits, GateResult, MetricComparison
from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import BenchRow, RowKey

PACKAGES = {"openvino": "openvino", "ncnn": "ncnn"}
"""Runtimes that may be missing, and the package that each is; ONNX Runtime may not."""


def judge(
    before: BenchRecord,
    now: BenchRecord,
    limits: GateLimits,
    left_out: Collection[Names] = frozenset(),
) -> GateResult:
    """Compare every row of the baseline with the same row of the current bench.

    Args:
        before: the baseline.
        now: the current bench.
        limits: the largest changes for the worse.
        left_out: data sets of the baseline that were not given to the current bench, on purpose.
    """
    return GateResult((*_rows(before, now, limits, left_out), *_ratios(before, now, limits)))


def excuse(key: RowKey, versions: Mapping[str, str], features: Collection[str]) -> str:
    """Why a device cannot be asked for a row; "" where it can, as always for FP32 in ONNX Runtime.

    Args:
        key: of the row.
        versions: of the packages that are installed there.
        features: of its CPU, as Linux names them.
    """
    package = PACKAGES.get(key.runtime)
    if package is not None and package not in versions:
        return f"{package} is not installed"
    if key.precision == "int8" and not set(INT8_FEATURES) & set(features):
        return "the CPU has neither AVX2 nor dot product, and INT8 computes otherwise without"
    return ""


def _rows(
    before: BenchRecord, now: BenchRecord, limits: GateLimits, left_out: Collection[Names]
) -> Iterator[MetricComparison]:
    there = {row.key: row for row in now.rows}
    for row in before.rows:
        why = excuse(row.key, now.versions, now.device.features)
        if why:
            yield MetricComparison(str(row.key), "row", "not compared", change=why)
        else:
            yield from _row(row, there.get(row.key), now, limits, left_out)
    known = {row.key for row in before.rows}
    for key in (key for key in there if key not in known):
        yield MetricComparison(
            str(key), "row", "not compared", change="the baseline has no such row"
        )


def _row(
    before: BenchRow,
    now: BenchRow | None,
    bench: BenchRecord,
    limits: GateLimits,
    left_out: Collection[Names],
) -> Iterator[MetricComparison]:
    row = str(before.key)
    if not before.ok:
        yield MetricComparison(
            row, "row", "incomparable", change=f"it failed in the baseline: {before.status}"
        )
    elif now is None:
        yield MetricComparison(row, "row", "incomparable", change=_other(before.key, bench))
    elif not now.ok:
        yield MetricComparison(row, "row", "worse", "ok", "failed", now.status)
    elif before.size_px != now.size_px:
        change = f"other working size: {before.size_px} pixels in the baseline, {now.size_px} now"
        yield MetricComparison(row, "row", "incomparable", change=change)
    else:
        yield from compare_accuracy(before, now, limits, left_out)
        yield compare_size(before, now, limits)


def _other(key: RowKey, bench: BenchRecord) -> str:
    """What there is instead of a row."""
    akin = [row.key for row in bench.rows if row.key.model == key.model]
    if not akin:
        return f"other models: the current bench has {', '.join(dict.fromkeys(row.key.model for row in bench.rows))}"
    for what in ("precision", "runtime", "threads"):
        found = [getattr(each, what) for each in akin]
        if getattr(key, what) not in found:
            return (
                f"other {what}: the current bench has {', '.join(map(str, dict.fromkeys(found)))}"
            )
    return f"the current bench has only {', '.join(map(str, akin))}"


def _ratios(
    before: BenchRecord, now: BenchRecord, limits: GateLimits
) -> Iterator[MetricComparison]:
    """Of all rows that both could measure; a limit that no row could ever be held to is no limit."""
    firsts = first_measured(before), first_measured(now)
    there = {row.key: row for row in now.rows if row.ok}
    measured = [row for row in before.rows if row.ok]
    for row in measured:
        if row.key in there and not excuse(row.key, now.versions, now.device.features):
            yield from compare_ratios(row, there[row.key], firsts, limits)
    if len(measured) < 2 and (limits.latency_ratio is not None or limits.memory_ratio is not None):
        change = "a limit was given, but the baseline has no second row to take a ratio over"
        yield MetricComparison("bench", "time and memory", "incomparable", change=change)
