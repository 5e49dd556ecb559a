"""Comparison of two benchmarks, row by row.

Dice and file size are compared directly. Time and memory depend on the machine and its load.
Therefore, their ratios to the first row of the same benchmark are compared.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

from edgeseg.evaluation.scores import DataSetScores
from edgeseg.models.selection import INT8_FEATURES
from edgeseg_benchmarks import reference_model
from edgeseg_benchmarks.gate.compare_measures import compare_measures
from edgeseg_benchmarks.gate.result import (
    GateLimits,
    GateResult,
    MetricComparison,
    Outcome,
    outcome_of,
)
from edgeseg_benchmarks.record import BenchRecord, BenchRow
from edgeseg_benchmarks.rows import DEFAULT_RUNTIME

DataSetName: TypeAlias = tuple[str, str]  # name and split


def compare_benches(
    before: BenchRecord,
    now: BenchRecord,
    limits: GateLimits,
    omitted: Collection[DataSetName] = frozenset(),
) -> GateResult:
    """Compare every row of the baseline with the same row of the current benchmark.

    Args:
        before: baseline.
        now: benchmark to compare with the baseline.
        limits: largest accepted regressions.
        omitted: data sets of the baseline that were not measured because their photographs were not
            given.
    """
    comparisons: list[MetricComparison] = []
    rows = {row.key: row for row in now.rows}
    for old in before.rows:
        new = rows.pop(old.key, None)
        reason = skip_reason(old, now.versions, now.device.features)
        if reason:
            comparisons.append(_note(old, "row", "skipped", reason))
        else:
            comparisons += _compare_rows(old, new, now, limits, omitted)
    for new in rows.values():
        comparisons.append(_note(new, "row", "skipped", "this row is not in the baseline"))
    comparisons += _compare_all_ratios(before, now, limits)
    return GateResult(tuple(comparisons))


def skip_reason(row: BenchRow, versions: Mapping[str, str], features: Collection[str]) -> str:
    """Return the reason why a row is not compared on a device, or "".

    Args:
        row: row of the baseline.
        versions: installed packages of the device.
        features: CPU features of the device.

    Returns:
        The reason; "" if the row is required. Rows with FP32 in ONNX Runtime are always required,
        except those of the reference model.
    """
    key = row.key
    if reference_model.REMARK in row.remarks:
        return "the reference model has random weights"
    if key.runtime != DEFAULT_RUNTIME and key.runtime not in versions:
        return f"{key.runtime} is not installed"
    if key.precision == "int8" and not set(INT8_FEATURES) & set(features):
        return "the CPU has neither AVX2 nor Arm dot-product instructions; INT8 results differ"
    return ""


def _compare_rows(
    before: BenchRow,
    now: BenchRow | None,
    record: BenchRecord,
    limits: GateLimits,
    omitted: Collection[DataSetName],
) -> Iterator[MetricComparison]:
    if not before.ok:
        yield _note(before, "row", "incomparable", f"failed in the baseline: {before.status}")
    elif now is None:
        keys = ", ".join(str(row.key) for row in record.rows)
        yield _note(before, "row", "incomparable", f"not in the current benchmark ({keys})")
    elif not now.ok:
        yield MetricComparison(str(before.key), "row", "worse", "ok", "failed", now.status)
    elif before.size_px != now.size_px:
        reason = f"working size: {before.size_px} px in the baseline, {now.size_px} px now"
        yield _note(before, "row", "incomparable", reason)
    else:
        yield from _compare_accuracy(before, now, limits, omitted)
        yield from compare_measures(before, now, limits, omitted)
        growth = (now.file_bytes or 0) / (before.file_bytes or 1) - 1
        yield MetricComparison(
            str(before.key),
            "file size",
            outcome_of(growth, limits.size_growth),
            f"{(before.file_bytes or 0) / 1e6:.3f} MB",
            f"{(now.file_bytes or 0) / 1e6:.3f} MB",
            f"{growth:+.1%}, limit {limits.size_growth:+.1%}",
        )


def _compare_accuracy(
    before: BenchRow, now: BenchRow, limits: GateLimits, omitted: Collection[DataSetName]
) -> Iterator[MetricComparison]:
    known = {(data_set.name, data_set.split): data_set for data_set in before.data_sets}
    current = {(data_set.name, data_set.split): data_set for data_set in now.data_sets}
    missing = known.keys() - current.keys()
    if not known:
        reason = "the baseline contains no Dice. Create a baseline with `bench --data`."
        yield _note(before, "Dice", "incomparable", reason)
    elif missing == known.keys() and missing <= set(omitted):
        yield _note(before, "Dice", "incomparable", "no photographs. Use --data NAME:DIR.")
        return
    for name, data_set in known.items():
        if name in current:
            yield from _compare_data_set(before, data_set, current[name], limits)
            continue
        names = ", ".join(map(" ".join, current)) or "none"
        outcome: Outcome = "skipped" if name in omitted else "incomparable"
        reason = (
            f"missing in the current benchmark, which has {names}. Add --data {data_set.name}:DIR"
        )
        yield _note(before, _mean_metric(data_set), outcome, reason)
    for name in current.keys() - known.keys():
        yield _note(before, _mean_metric(current[name]), "skipped", "not in the baseline")


def _compare_data_set(
    row: BenchRow, before: DataSetScores, now: DataSetScores, limits: GateLimits
) -> Iterator[MetricComparison]:
    """Compare the mean Dice, and the largest drop, of the photographs scored in both benchmarks."""
    old = {photograph.name: photograph.scores for photograph in before.photographs}
    new = {photograph.name: photograph.scores for photograph in now.photographs}
    metric = _mean_metric(before)
    different = sorted(old.keys() ^ new.keys())
    if different:
        yield _note(row, metric, "incomparable", f"other photographs: {', '.join(different[:5])}")
        return
    dice: dict[str, tuple[float, float]] = {}
    for name, scores in old.items():
        current = new[name]
        if scores is not None and current is not None:
            dice[name] = (scores.dice, current.dice)
        elif scores is not None:
            texts = (f"{scores.dice:.4f}", "none", "the photograph could not be scored")
            yield MetricComparison(str(row.key), f"Dice {before.name} {name}", "worse", *texts)
    if dice:
        means = [math.fsum(values) / len(dice) for values in zip(*dice.values(), strict=True)]
        yield _compare_dice(row, metric, means[0], means[1], limits.dice_drop)
        worst = max(dice, key=lambda name: _loss(*dice[name]))
        metric = f"Dice {before.name} worst: {worst}"
        yield _compare_dice(row, metric, *dice[worst], limits.photograph_drop)
    elif not before.scored:
        yield _note(row, metric, "incomparable", "the baseline has no scored photograph")


def _compare_dice(
    row: BenchRow, metric: str, before: float, now: float, limit: float
) -> MetricComparison:
    return MetricComparison(
        str(row.key),
        metric,
        outcome_of(before - now, limit),
        f"{before:.4f}",
        f"{now:.4f}",
        f"{now - before:+.4f}, limit {-limit:+.4f}",
    )


def _compare_all_ratios(
    before: BenchRecord, now: BenchRecord, limits: GateLimits
) -> Iterator[MetricComparison]:
    """Compare time and memory of the rows that were measured in both benchmarks."""
    old = [row for row in before.rows if row.ok and reference_model.REMARK not in row.remarks]
    new = {row.key: row for row in now.rows if row.ok}
    limited = limits.latency_ratio is not None or limits.memory_ratio is not None
    metric = "time and memory"
    if limited and len(old) < 2:
        reason = "the limit requires a second row in the baseline"
        yield MetricComparison("benchmark", metric, "incomparable", change=reason)
    for row in old[1:] if new else ():
        firsts = old[0], next(iter(new.values()))
        if row.key not in new or skip_reason(row, now.versions, now.device.features):
            continue
        if firsts[0].key == firsts[1].key:
            yield from _compare_ratios(row, new[row.key], firsts, limits)
        elif limited:
            reason = f"relative to {firsts[0].key} in the baseline and to {firsts[1].key} now"
            yield _note(row, metric, "incomparable", reason)


def _compare_ratios(
    before: BenchRow, now: BenchRow, firsts: tuple[BenchRow, BenchRow], limits: GateLimits
) -> Iterator[MetricComparison]:
    metrics: dict[str, tuple[float | None, float | None, float | None]] = {
        "network time": (before.ratio_to_first, now.ratio_to_first, limits.latency_ratio),
        "end-to-end time": (
            before.end_to_end_ratio_to_first,
            now.end_to_end_ratio_to_first,
            limits.latency_ratio,
        ),
        "memory": (
            _memory_ratio(before, firsts[0]),
            _memory_ratio(now, firsts[1]),
            limits.memory_ratio,
        ),
    }
    for name, (old, new, limit) in metrics.items():
        metric = f"{name} over {firsts[0].model} {firsts[0].precision}"
        if old and new:
            text = "no limit" if limit is None else f"limit x{limit:.2f}"
            texts = (f"x{old:.2f}", f"x{new:.2f}", f"x{new / old:.2f}, {text}")
            yield MetricComparison(str(before.key), metric, outcome_of(new / old, limit), *texts)
        elif limit is not None:
            yield _note(before, metric, "incomparable", "unknown in one of the benchmarks")


def _memory_ratio(row: BenchRow, first: BenchRow) -> float | None:
    if not row.peak_rss_bytes or not first.peak_rss_bytes:
        return None
    return row.peak_rss_bytes / first.peak_rss_bytes


def _loss(before: float, now: float) -> float:
    return math.inf if math.isnan(before - now) else before - now


def _note(row: BenchRow, metric: str, outcome: Outcome, reason: str) -> MetricComparison:
    return MetricComparison(str(row.key), metric, outcome, change=reason)


def _mean_metric(data_set: DataSetScores) -> str:
    return f"Dice {data_set.name} {data_set.split} ({len(data_set.photographs)})"
