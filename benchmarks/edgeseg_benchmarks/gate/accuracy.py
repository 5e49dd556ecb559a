"""Dice, photograph by photograph: each photograph alone, and the mean of each data set."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

from edgeseg.evaluation.scores import DataSetScores, PhotographScores
from edgeseg_benchmarks.gate.verdict import GateLimits, MetricComparison, at_most
from edgeseg_benchmarks.record.row import BenchRow

Names = tuple[str, str]
"""A data set's name and split."""


def compare_accuracy(
    before: BenchRow, now: BenchRow, limits: GateLimits, left_out: Collection[Names] = frozenset()
) -> Iterator[MetricComparison]:
    """Every data set of both rows.

    Args:
        before: the baseline's row.
        now: the same row of the current bench.
        limits: that hold.
        left_out: data sets of the baseline that were not given to the current bench, on purpose.
    """
    row, there = str(before.key), _by_names(now)
    names_before = _by_names(before).keys()
    if not names_before:
        yield MetricComparison(
            row, "Dice", "incomparable", change="the baseline has none; make it with --data"
        )
    elif not names_before & there.keys() and names_before <= set(left_out):
        yield MetricComparison(
            row, "Dice", "incomparable", change="no photographs at hand; give --data NAME:DIR"
        )
        return
    for data_set in before.data_sets:
        names = (data_set.name, data_set.split)
        if names in there:
            yield from _compare(row, data_set, there[names], limits)
        elif names in left_out:
            change = f"no photographs at hand; give --data {data_set.name}:DIR"
            yield MetricComparison(row, _what(data_set), "not compared", change=change)
        else:
            told = ", ".join(" ".join(each) for each in there) or "none"
            yield MetricComparison(
                row,
                _what(data_set),
                "incomparable",
                change=f"other data: the current bench has {told}",
            )
    for names in (names for names in there if names not in names_before):
        yield MetricComparison(
            row, f"Dice {' '.join(names)}", "not compared", change="the baseline has no such data"
        )


def _by_names(row: BenchRow) -> Mapping[Names, DataSetScores]:
    return {(data_set.name, data_set.split): data_set for data_set in row.data_sets}


def _what(data_set: DataSetScores) -> str:
    return f"Dice {data_set.name} {data_set.split} ({len(data_set.photographs)})"


def _compare(
    row: str, before: DataSetScores, now: DataSetScores, limits: GateLimits
) -> Iterator[MetricComparison]:
    old, new = _by_name(before), _by_name(now)
    if old.keys() != new.keys():
        some = ", ".join(sorted(old.keys() ^ new.keys())[:5])
        yield MetricComparison(
            row, _what(before), "incomparable", change=f"other photographs: {some}"
        )
        return
    lost = [
        name
        for name, photograph in old.items()
        if photograph.scores is not None and new[name].scores is None
    ]
    for name in lost:
        what = f"Dice {before.name} {name}"
        yield MetricComparison(
            row, what, "worse", f"{_dice(old[name]):.4f}", "none", f"not scored: {new[name].status}"
        )
    drops = {
        n: (_dice(old[n]), _dice(new[n]))
        for n in old
        if old[n].scores is not None and new[n].scores is not None
    }
    if drops:
        yield _mean(row, before, drops, limits)
        yield _worst(row, before, drops, limits)
    elif not lost:
        yield MetricComparison(
            row, _what(before), "incomparable", change="no photograph of the baseline is scored"
        )


Drops = Mapping[str, tuple[float, float]]
"""Dice before and now, by photograph."""


def _mean(row: str, data_set: DataSetScores, drops: Drops, limits: GateLimits) -> MetricComparison:
    """Over the photographs that both could score."""
    before, now = (math.fsum(pair[k] for pair in drops.values()) / len(drops) for k in (0, 1))
    words = (f"{before:.4f}", f"{now:.4f}", f"{now - before:+.4f}, limit {-limits.dice_drop:+.4f}")
    return at_most(row, _what(data_set), before - now, limits.dice_drop, words)


def _worst(row: str, data_set: DataSetScores, drops: Drops, limits: GateLimits) -> MetricComparison:
    """The photograph that lost most; NaN counts as most."""
    worst = max(drops, key=lambda name: _loss(*drops[name]))
    before, now = drops[worst]
    words = (
        f"{before:.4f}",
        f"{now:.4f}",
        f"{now - before:+.4f}, limit {-limits.photograph_drop:+.4f}",
    )
    what = f"Dice {data_set.name} worst: {worst}"
    return at_most(row, what, before - now, limits.photograph_drop, words)


def _loss(before: float, now: float) -> float:
    return math.inf if math.isnan(before - now) else before - now


def _by_name(data_set: DataSetScores) -> Mapping[str, PhotographScores]:
    return {photograph.name: photograph for photograph in data_set.photographs}


def _dice(photograph: PhotographScores) -> float:
    return math.nan if photograph.scores is None else photograph.scores.dice
