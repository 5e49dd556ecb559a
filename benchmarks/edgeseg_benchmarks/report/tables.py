"""The record as one rich table and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from edgeseg.console import safe_text
from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import BenchRow
from edgeseg_benchmarks.report.formatting import (
    STAGES,
    bound_lines,
    cost_lines,
    dice_lines,
    latencies,
    ratio_text,
    stage_lines,
)

WORDS, GAP = 16, 3
"""Letters that a column of words has at least, and that lie between two columns."""


def to_table(bench: BenchRecord) -> Group:
    """For a terminal: the table, the bounds, what it was measured on, and what makes it doubtful."""
    bounds = [Text(), *map(safe_text, bound_lines(bench))] if bench.bounds else []
    return Group(_Figures(bench), *bounds, Text(), *map(safe_text, _notes(bench)))


@dataclass(frozen=True)
class _Figures:
    """A line a row where the console is wide enough, else a row's figures below each other: none is ever cut off."""

    bench: BenchRecord

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = _wide(self.bench)
        yield wide if _width(wide) <= options.max_width else _narrow(self.bench)


def _headings(bench: BenchRecord) -> list[str]:
    return [
        "network ms",
        "end to end ms",
        "stages ms",
        "cost",
        *(["Dice"] if any(r.data_sets for r in bench.rows) else []),
    ]


def _wide(bench: BenchRecord) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_lines=True, title_justify="left"
    )
    for heading in ("row", *_headings(bench)):
        words = heading in ("row", "Dice")
        table.add_column(
            heading, overflow="fold", no_wrap=not words, min_width=WORDS if words else None
        )
    for row in bench.rows:
        table.add_row(_row_cell(row), *map(_lines, _cells(bench, row)))
    return table


def _width(table: Table) -> int:
    """That no figure is cut off at; what is made of words may be folded."""
    cells = ((column, [str(cell) for cell in column.cells]) for column in table.columns)
    columns = [
        max(cell_len(line) for text in texts for line in text.splitlines() or [""])
        if column.no_wrap
        else WORDS
        for column, texts in cells
    ]
    return sum(columns) + GAP * (len(columns) - 1)


def _narrow(bench: BenchRecord) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for k, row in enumerate(bench.rows):
        if k:
            table.add_row()
        table.add_row("row", _row_cell(row))
        for heading, lines in zip(_headings(bench), _cells(bench, row), strict=True):
            if lines and row.ok:
                table.add_row(heading, safe_text(", ".join(filter(None, lines))))
    return table


def _row_cell(row: BenchRow) -> Text:
    threads = f"{row.key.threads} thread{'' if row.key.threads == 1 else 's'}"
    size = "" if row.size_px is None else f", {row.size_px} px"
    cell = _lines([f"{row.key.model} {row.key.precision}", f"{row.key.runtime}, {threads}{size}"])
    if row.taken_by_auto:
        cell.append("\ntaken by auto here", "green")
    if not row.ok:
        cell.append_text(Text("\nFAILED: ", "red") + safe_text(row.status))
    for remark in row.remarks:
        cell.append_text(Text("\n") + Text(safe_text(remark).plain, "yellow"))
    return cell


def _cells(bench: BenchRecord, row: BenchRow) -> list[list[str]]:
    """Under the headings; a data set's Dice only where the record has one."""
    if not row.ok:
        return [["-"] for _ in _headings(bench)]
    speed = "" if row.frames_per_second is None else f"{row.frames_per_second:.2f} frames/s"
    cells = [
        [*latencies(row.network_ms), ratio_text(row.ratio_to_first)],
        [*latencies(row.end_to_end_ms), ratio_text(row.end_to_end_ratio_to_first), speed],
        stage_lines(row),
        cost_lines(row),
        dice_lines(bench, row),
    ]
    return cells[: len(_headings(bench))]


def _lines(lines: Sequence[str]) -> Text:
    return Text("\n").join(safe_text(line) for line in lines if line)


def _notes(bench: BenchRecord) -> Iterator[str]:
    device = bench.device
    memory = f"{device.memory_bytes / 2**30:.1f} GiB"
    yield f"on {device.name}, {device.usable_cores} of {device.cores} cores, {memory}, {device.os}"
    yield ", ".join(f"{name} {version}" for name, version in bench.versions.items())
    yield f"timed on {bench.photographs}, up to {bench.rounds} rounds, the rows' processes taking turns"
    for threads, peak in bench.peaks.items():
        plural = "" if threads == 1 else "s"
        yield f"peak: {peak:.0f} GFLOP/s, a large FP32 matrix product with {threads} thread{plural} in this run"
    yield from (f"warning: {warning}" for warning in bench.warnings)


def to_csv(bench: BenchRecord) -> str:
    """One line a row, figures at full precision, empty where there is none."""
    rows = [_flat(bench, row) for row in bench.rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _flat(bench: BenchRecord, row: BenchRow) -> dict[str, object]:
    told = row.to_dict()
    flat: dict[str, object] = {
        key: told[key] for key in ("model", "precision", "runtime", "threads", "status")
    }
    flat |= {key: told[key] for key in ("size_px", "file_bytes", "cold_start_ms", "peak_rss_bytes")}
    for name, latency in (("network", row.network_ms), ("end_to_end", row.end_to_end_ms)):
        for figure in ("p50", "p90", "p95", "min"):
            flat[f"{name}_{figure}_ms"] = None if latency is None else getattr(latency, figure)
    flat |= {f"{stage}_ms": row.stages_ms.get(stage) for stage in STAGES}
    for key in (
        "frames_per_second",
        "ratio_to_first",
        "end_to_end_ratio_to_first",
        "gmac",
        "gflops",
        "share_of_peak",
    ):
        flat[key] = told[key]
    flat["kernels"] = " ".join(f"{kind}:{count}" for kind, count in row.kernels.items())
    drops = bench.dice_drops(row)
    for data_set in row.data_sets:
        name = f"{data_set.name} {data_set.split}"
        flat[f"dice {name}"] = None if data_set.mean is None else data_set.mean.dice
        flat[f"dice_drop {name}"] = drops.get(name)
    flat["taken_by_auto"] = row.taken_by_auto
    flat["remarks"] = "; ".join(row.remarks)
    return flat
