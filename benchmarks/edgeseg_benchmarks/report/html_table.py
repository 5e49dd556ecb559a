"""The page's table: a line a row, figures below each other in columns of their own, so that the eye compares them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from itertools import groupby

from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import BenchRow
from edgeseg_benchmarks.report.formatting import STAGES, costs, dice, ms, percentiles, ratio_text

STYLE = """
.wide { overflow-x: auto; -webkit-overflow-scrolling: touch; border: 1px solid #ddd; border-radius: 4px }
table { border-collapse: collapse; width: 100%; font-size: 0.8rem; line-height: 1.35 }
th, td { padding: 0.35rem 0.25rem; vertical-align: top; text-align: right }
td { white-space: nowrap; font-variant-numeric: tabular-nums }
td small { display: block; color: #666; font-size: 0.7rem }
thead th { background: #f4f6f8; white-space: nowrap; font-weight: 600 }
thead tr:first-child th { text-align: left; padding-bottom: 0 }
thead tr:last-child th { color: #555; font-size: 0.7rem; font-weight: 400; white-space: normal; vertical-align: bottom }
tbody { border-top: 1px solid #e0e0e0 } .first { border-left: 1px solid #e0e0e0; padding-left: 0.55rem }
th.row { position: sticky; left: 0; z-index: 1; text-align: left; font-weight: 400; background: #fff;
  min-width: 9rem; max-width: 14rem; overflow-wrap: anywhere; padding-left: 0.6rem }
thead th.row { background: #f4f6f8 } th.row span { display: block; font-size: 0.7rem }
td.remarks { padding-top: 0; padding-left: 0.55rem }
td.remarks span { display: block; position: sticky; left: 10.5rem; max-width: min(60rem, 100vw - 14rem);
  text-align: left; white-space: normal; color: #8a5a00 }
.auto { color: #17692b } .failed { color: #b3261e; white-space: normal; text-align: left } .quiet { color: #666 }
"""

MEDIAN = "p50"
PERCENTILES = (MEDIAN, "p90", "p95", "min")
COSTS = ("file", "memory", "cold start", "GMAC")


@dataclass(frozen=True)
class Column:
    """A column, its group's heading above its own; a cell is a figure, and smaller ones below it."""

    group: str
    heading: str
    cell: Callable[[BenchRow], Sequence[str]]


def table(bench: BenchRecord) -> str:
    """HTML; wider than a phone, it scrolls inside of its frame while the rows' names stand still."""
    columns = list(_columns(bench))
    rows = "\n".join(_row(row, columns) for row in bench.rows)
    return (
        f'<div class="wide" tabindex="0"><table><thead>{_groups(columns)}{_headings(columns)}</thead>\n'
        f"{rows}</table></div>"
    )


def _columns(bench: BenchRecord) -> Iterator[Column]:
    for name in PERCENTILES:
        yield Column("network alone, ms", name, partial(_network, name))
    for name in PERCENTILES:
        yield Column("end to end, ms", name, partial(_end_to_end, name))
    yield Column("end to end, ms", "frames/s", _speed)
    for stage, words in STAGES.items():
        yield Column("its stages, ms", words, partial(_stage, stage))
    for words in COSTS:
        yield Column("cost", words, partial(_cost, words))
    yield Column("cost", "GFLOP/s, of peak", _arithmetic)
    yield Column("cost", "kernels", _kernels)
    for name in dict.fromkeys(name for row in bench.rows for name in dice(bench, row)):
        yield Column("Dice", name, partial(_dice, bench, name))


def _network(name: str, row: BenchRow) -> list[str]:
    ratio = [ratio_text(row.ratio_to_first)] if name == MEDIAN else []
    return [percentiles(row.network_ms).get(name, ""), *ratio]


def _end_to_end(name: str, row: BenchRow) -> list[str]:
    ratio = [ratio_text(row.end_to_end_ratio_to_first)] if name == MEDIAN else []
    return [percentiles(row.end_to_end_ms).get(name, ""), *ratio]


def _speed(row: BenchRow) -> list[str]:
    return ["" if row.frames_per_second is None else f"{row.frames_per_second:.2f}"]


def _stage(stage: str, row: BenchRow) -> list[str]:
    return [ms(row.stages_ms[stage]) if stage in row.stages_ms else ""]


def _cost(words: str, row: BenchRow) -> list[str]:
    return [costs(row).get(words, "")]


def _arithmetic(row: BenchRow) -> list[str]:
    told = costs(row)
    return [told.get("GFLOP/s", ""), told.get("of peak", "")]


def _kernels(row: BenchRow) -> list[str]:
    """`float32`, and below it how many convolutions."""
    lines = [part for kind, number in row.kernels.items() for part in (kind, f"{number} conv")]
    return lines or [""]


def _dice(bench: BenchRecord, name: str, row: BenchRow) -> list[str]:
    return dice(bench, row).get(name, [""])


def _groups(columns: Sequence[Column]) -> str:
    widths = {
        group: len(list(each)) for group, each in groupby(columns, lambda column: column.group)
    }
    cells = "".join(
        f'<th class="first" colspan="{width}">{escape(group)}</th>'
        for group, width in widths.items()
    )
    return f'<tr><th class="row" rowspan="2">row</th>{cells}</tr>'


def _headings(columns: Sequence[Column]) -> str:
    return f"<tr>{''.join(f'<th{_edge(columns, k)}>{escape(each.heading)}</th>' for k, each in enumerate(columns))}</tr>"


def _edge(columns: Sequence[Column], k: int) -> str:
    """A line where a group begins."""
    return ' class="first"' if not k or columns[k].group != columns[k - 1].group else ""


def _row(row: BenchRow, columns: Sequence[Column]) -> str:
    """A `tbody`; what a row must say of itself stands below its figures, in a line of its own."""
    lines = [_figures(row, columns)]
    if row.remarks:
        remarks = escape("; ".join(row.remarks))
        lines.append(f'<td class="remarks" colspan="{len(columns)}"><span>{remarks}</span></td>')
    about = f'<th class="row" scope="row" rowspan="{len(lines)}">{"".join(_about(row))}</th>'
    return f"<tbody><tr>{about}{'</tr><tr>'.join(lines)}</tr></tbody>"


def _figures(row: BenchRow, columns: Sequence[Column]) -> str:
    if not row.ok:
        return f'<td class="failed" colspan="{len(columns)}">FAILED: {escape(row.status)}</td>'
    return "".join(
        f"<td{_edge(columns, k)}>{_cell(each.cell(row))}</td>" for k, each in enumerate(columns)
    )


def _cell(lines: Sequence[str]) -> str:
    first, *others = lines
    return escape(first) + "".join(f"<small>{escape(line)}</small>" for line in others if line)


def _about(row: BenchRow) -> Iterator[str]:
    threads = f"{row.key.threads}&nbsp;thread{'' if row.key.threads == 1 else 's'}"
    size = "" if row.size_px is None else f", {row.size_px}&nbsp;px"
    yield f"<b>{escape(row.key.model)} {escape(row.key.precision)}</b>"
    yield f'<span class="quiet">{escape(row.key.runtime)}, {threads}{size}</span>'
    if row.taken_by_auto:
        yield '<span class="auto">taken by auto here</span>'
