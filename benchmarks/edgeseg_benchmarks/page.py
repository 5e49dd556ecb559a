"""One self-contained HTML page of a bench; loads nothing from anywhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape

from edgeseg.report import Bench, Row
from edgeseg_benchmarks.figures import cost_lines, dice_lines, latencies, ratio_text, stage_lines
from edgeseg_benchmarks.pictures import pictures

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 84rem; padding: 1rem; color: #222 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
.wide { overflow-x: auto; -webkit-overflow-scrolling: touch; border: 1px solid #ddd; border-radius: 4px }
table { border-collapse: collapse; width: 100% }
th, td { padding: 0.4rem 0.7rem; border-bottom: 1px solid #e5e5e5; text-align: left; vertical-align: top }
th { background: #f4f6f8; white-space: nowrap } tr:last-child td { border-bottom: 0 }
td.figures { white-space: nowrap; font-variant-numeric: tabular-nums }
td.row { min-width: 13rem; overflow-wrap: anywhere } td.row b { font-size: 1.02em }
.auto { color: #17692b } .remark { color: #8a5a00 } .failed { color: #b3261e } .quiet { color: #666 }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.5rem }
figure { margin: 0 } figure img { width: 100%; max-width: 40rem; height: auto } figcaption { color: #555 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem }
dd { margin: 0; overflow-wrap: anywhere }
.warning { background: #fff4dc; border-left: 4px solid #e0a100; padding: 0.4rem 0.8rem; overflow-wrap: anywhere }
"""


def page(bench: Bench) -> str:
    """The page: warnings, table, pictures, device."""
    title = f"edgeseg bench on {bench.device.name}"
    body = "\n".join(
        (
            *(f'<p class="warning">{escape(warning)}</p>' for warning in bench.warnings),
            _table(bench),
            f'<p class="quiet">Timed on {escape(bench.photographs)}, up to {bench.rounds} rounds; each row in a '
            "process of its own, taking turns; ratios are medians of the rounds' ratios against the first row.</p>",
            _pictures(bench),
            _device(bench),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _table(bench: Bench) -> str:
    scored = any(row.data_sets for row in bench.rows)
    headings = ["row", "network ms", "end to end ms", "stages ms", "cost", *(["Dice"] if scored else [])]
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    rows = "\n".join(_row(bench, row, scored) for row in bench.rows)
    return f'<div class="wide" tabindex="0"><table><tr>{head}</tr>\n{rows}</table></div>'


def _row(bench: Bench, row: Row, scored: bool) -> str:
    speed = "" if row.frames_per_second is None else f"{row.frames_per_second:.2f} frames/s"
    columns = [
        [*latencies(row.network_ms), ratio_text(row.ratio_to_first)],
        [*latencies(row.end_to_end_ms), ratio_text(row.end_to_end_ratio_to_first), speed],
        stage_lines(row),
        cost_lines(row),
        *([dice_lines(bench, row)] if scored else []),
    ]
    cells = "".join(f'<td class="figures">{_lines(lines)}</td>' for lines in columns)
    return f'<tr><td class="row">{"<br>".join(_about(row))}</td>{cells}</tr>'


def _about(row: Row) -> Iterator[str]:
    threads = f"{row.key.threads} thread{'' if row.key.threads == 1 else 's'}"
    size = "" if row.size_px is None else f", {row.size_px} px"
    yield f"<b>{escape(row.key.model)} {escape(row.key.precision)}</b>"
    yield f'<span class="quiet">{escape(row.key.runtime)}, {threads}{size}</span>'
    if row.taken_by_auto:
        yield '<span class="auto">taken by auto here</span>'
    if not row.ok:
        yield f'<span class="failed">FAILED: {escape(row.status)}</span>'
    yield from (f'<span class="remark">{escape(remark)}</span>' for remark in row.remarks)


def _lines(lines: Sequence[str]) -> str:
    return "<br>".join(escape(line) for line in lines if line)


def _pictures(bench: Bench) -> str:
    figures = "\n".join(
        f'<figure><img alt="{escape(caption)}" src="data:image/svg+xml;base64,{base64.b64encode(data).decode()}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, data in pictures(bench, "svg").values()
    )
    return f'<h2>Pictures</h2>\n<div class="pictures">{figures}</div>' if figures else ""


def _device(bench: Bench) -> str:
    device = bench.device
    facts = {
        "board": device.board,
        "CPU": device.cpu,
        "cores": f"{device.usable_cores} of {device.cores} usable",
        "features": ", ".join(device.features),
        "memory": f"{device.memory_bytes / 2**30:.1f} GiB",
        "system": device.os,
        "governor": device.governor,
        "temperature": "" if device.temperature_c is None else f"{device.temperature_c:.0f} °C",
        "load average": "" if device.load_average is None else f"{device.load_average:.2f} before the bench",
        "versions": ", ".join(f"{name} {version}" for name, version in bench.versions.items()),
        "peak": ", ".join(f"{peak:.0f} GFLOP/s with {threads} threads" for threads, peak in bench.peaks.items()),
    }
    entries = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items() if text)
    return f"<h2>Device</h2><dl>{entries}</dl>"
