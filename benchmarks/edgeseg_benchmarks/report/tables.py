"""Benchmark record as a table for the terminal and as CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from edgeseg.console import plural, safe_text
from edgeseg.system.csv_cells import protect_cell
from edgeseg_benchmarks.record import BenchRecord, BenchRow, Latency
from edgeseg_benchmarks.report.formatting import (
    STAGES,
    cost_values,
    dice_values,
    format_latency,
    format_ms,
)

HEADINGS = ("network ms", "end to end ms", "stages ms", "cost", "Dice")
WIDE = 120  # minimum width in characters at which no measurement is wrapped
SELECTED = "selected by auto"
CSV_COLUMNS = (
    *("model", "precision", "runtime", "threads", "status"),
    *("size_px", "file_bytes", "cold_start_ms", "peak_rss_bytes"),
    *("frames_per_second", "ratio_to_first", "end_to_end_ratio_to_first"),
    *("gmac", "gflops", "share_of_peak"),
)


def to_table(record: BenchRecord) -> Group:
    """Return the table, the description of the measurement and the warnings."""
    return Group(BenchTable(record), Text(), *map(safe_text, _notes(record)))


class BenchTable(NamedTuple):
    """Table with one line per row, or, on a narrow console, one line per measurement."""

    record: BenchRecord

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= WIDE
        yield _wide_table(self.record) if wide else _narrow_table(self.record)


def _wide_table(record: BenchRecord) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, show_lines=True)
    headings = HEADINGS if record.has_dice else HEADINGS[:-1]
    for heading in ("row", *headings):
        table.add_column(heading, overflow="fold")
    for row in record.rows:
        table.add_row(_row_cell(row), *map(_join_lines, _cells(record, row)[: len(headings)]))
    return table


def _narrow_table(record: BenchRecord) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in record.rows:
        table.add_row("row", _row_cell(row))
        for heading, lines in zip(HEADINGS, _cells(record, row), strict=True):
            if any(lines):
                table.add_row(heading, safe_text(", ".join(filter(None, lines))))
        table.add_row()
    return table


def _row_cell(row: BenchRow) -> Text:
    size = "" if row.size_px is None else f", {row.size_px} px"
    runtime = f"{row.runtime}, {plural(row.threads, 'thread')}{size}"
    cell = _join_lines([f"{row.model} {row.precision}", runtime])
    if row.taken_by_auto:
        cell.append(f"\n{SELECTED}", "green")
    if not row.ok:
        cell.append(f"\nFAILED: {safe_text(row.status)}", "red")
    for remark in row.remarks:
        cell.append(f"\n{safe_text(remark)}", "yellow")
    return cell


def _cells(record: BenchRecord, row: BenchRow) -> list[list[str]]:
    """Return the lines of each cell, in the order of `HEADINGS`."""
    stages = row.stages_ms or {}
    stage_lines = [f"{STAGES.get(name, name)} {format_ms(ms)}" for name, ms in stages.items()]
    costs = [f"{value} {name}" for name, value in cost_values(row).items()]
    costs += [f"{count} conv {kind}" for kind, count in (row.kernels or {}).items()]
    whole = format_latency(row.end_to_end_ms, row.end_to_end_ratio_to_first)
    if row.frames_per_second is not None:
        whole.append(f"{row.frames_per_second:.2f} frames/s")
    dice = []
    for name, (mean, *drop) in dice_values(record, row).items():
        dice += [f"{name} {mean}", *drop]
    return [format_latency(row.network_ms, row.ratio_to_first), whole, stage_lines, costs, dice]


def _join_lines(lines: Sequence[str]) -> Text:
    return Text("\n").join(map(safe_text, filter(None, lines)))


def _notes(record: BenchRecord) -> Iterator[str]:
    device = record.device
    cores = f"{device.usable_cores} of {device.cores} cores"
    yield f"{device.name}, {cores}, {device.memory_bytes / 2**30:.1f} GiB, {device.os}"
    yield ", ".join(f"{name} {version}" for name, version in record.versions.items())
    yield f"timed on {record.photographs}, up to {record.rounds} rounds, rows measured alternately"
    for threads, peak in record.peak_gflops.items():
        yield f"peak: {peak:.0f} GFLOP/s (FP32 matrix product, {plural(threads, 'thread')})"
    for warning in record.warnings:
        yield f"warning: {warning}"


def to_csv(record: BenchRecord) -> str:
    """Return a CSV with one line per row.

    Numbers are not rounded. Missing values give empty cells.
    """
    lines = [_flatten_row(record, row) for row in record.rows]
    columns = list(dict.fromkeys(chain.from_iterable(lines)))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({column: protect_cell(value) for column, value in line.items()})
    return stream.getvalue()


def _flatten_row(record: BenchRecord, row: BenchRow) -> dict[str, object]:
    values = {name: getattr(row, name) for name in CSV_COLUMNS}
    for field in Latency.__struct_fields__:
        values[f"network_{field}_ms"] = getattr(row.network_ms, field, None)
        values[f"end_to_end_{field}_ms"] = getattr(row.end_to_end_ms, field, None)
    for stage in STAGES:
        values[f"{stage}_ms"] = (row.stages_ms or {}).get(stage)
    kernels = (row.kernels or {}).items()
    values["kernels"] = " ".join(f"{kind}:{count}" for kind, count in kernels)
    drops = record.dice_drops(row)
    for name, mean in row.mean_dice.items():
        values[f"dice {name}"] = mean
        values[f"dice_drop {name}"] = drops.get(name)
    values["taken_by_auto"] = row.taken_by_auto
    values["remarks"] = "; ".join(row.remarks)
    return values
