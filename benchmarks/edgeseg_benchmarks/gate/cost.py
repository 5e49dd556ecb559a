"""What a row costs: its file as such; time and memory only against another row of the same run.

An absolute time belongs to the machine and the day. Over the first row's of the same run it belongs to the model, and
that ratio now is compared with the ratio in the baseline.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeseg_benchmarks.gate.verdict import GateLimits, MetricComparison, at_most
from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import BenchRow


def compare_size(before: BenchRow, now: BenchRow, limits: GateLimits) -> MetricComparison:
    """The files' bytes."""
    row, what = str(before.key), "file size"
    if not before.file_bytes or not now.file_bytes:
        return MetricComparison(
            row, what, "incomparable", change="one of the two benches does not tell it"
        )
    growth = now.file_bytes / before.file_bytes - 1
    words = (
        f"{before.file_bytes / 1e6:.3f} MB",
        f"{now.file_bytes / 1e6:.3f} MB",
        f"{growth:+.1%}, limit {limits.size_growth:+.1%}",
    )
    return at_most(row, what, growth, limits.size_growth, words)


def first_measured(bench: BenchRecord) -> BenchRow | None:
    """The row that the others' ratios are against."""
    return next((row for row in bench.rows if row.ok), None)


def compare_ratios(
    before: BenchRow,
    now: BenchRow,
    firsts: tuple[BenchRow | None, BenchRow | None],
    limits: GateLimits,
) -> Iterator[MetricComparison]:
    """Time and memory, where the row is not the one that ratios are against.

    Args:
        before: the baseline's row.
        now: the same row of the current bench.
        firsts: the first measured rows of baseline and current bench.
        limits: that hold.
    """
    first_before, first_now = firsts
    if first_before is None or first_now is None or before.key == first_before.key:
        return
    row, against = str(before.key), f"over {first_before.key.model} {first_before.key.precision}"
    if first_before.key != first_now.key:
        if limits.latency_ratio is not None or limits.memory_ratio is not None:
            change = f"ratios are over {first_before.key} in the baseline, over {first_now.key} now"
            yield MetricComparison(row, "time and memory", "incomparable", change=change)
        return
    times = (
        (f"network time {against}", before.ratio_to_first, now.ratio_to_first),
        (
            f"end-to-end time {against}",
            before.end_to_end_ratio_to_first,
            now.end_to_end_ratio_to_first,
        ),
    )
    for what, old, new in times:
        yield from _compare(row, what, old, new, limits.latency_ratio)
    old, new = _memory(before, first_before), _memory(now, first_now)
    yield from _compare(row, f"memory {against}", old, new, limits.memory_ratio)


def _memory(row: BenchRow, first: BenchRow) -> float | None:
    return (
        row.peak_rss_bytes / first.peak_rss_bytes
        if row.peak_rss_bytes and first.peak_rss_bytes
        else None
    )


def _compare(
    row: str, what: str, old: float | None, new: float | None, limit: float | None
) -> Iterator[MetricComparison]:
    """Nothing where nobody asks for it and it is not there."""
    if not old or not new:
        if limit is not None:
            yield MetricComparison(
                row, what, "incomparable", change="one of the two benches does not tell it"
            )
        return
    change = f"x{new / old:.2f}, " + ("no limit" if limit is None else f"limit x{limit:.2f}")
    yield at_most(row, what, new / old, limit, (f"x{old:.2f}", f"x{new:.2f}", change))
