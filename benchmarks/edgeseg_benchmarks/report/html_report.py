"""One self-contained HTML page of a bench; loads nothing from anywhere."""

from __future__ import annotations

import base64
from html import escape

from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.report import html_table
from edgeseg_benchmarks.report.formatting import bound_lines
from edgeseg_benchmarks.report.plots import draw_plots

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 90rem; padding: 1rem; color: #222 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
.quiet { color: #666 }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.5rem }
figure { margin: 0 } figure img { width: 100%; max-width: 40rem; height: auto } figcaption { color: #555 }
.bounds li { overflow-wrap: anywhere }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem }
dd { margin: 0; overflow-wrap: anywhere }
.warning { background: #fff4dc; border-left: 4px solid #e0a100; padding: 0.4rem 0.8rem; overflow-wrap: anywhere }
"""


def render_page(bench: BenchRecord) -> str:
    """The page: warnings, table, bounds, pictures, device."""
    title = f"edgeseg bench on {bench.device.name}"
    body = "\n".join(
        (
            *(f'<p class="warning">{escape(warning)}</p>' for warning in bench.warnings),
            html_table.table(bench),
            f'<p class="quiet">Timed on {escape(bench.photographs)}, up to {bench.rounds} rounds; each row in a '
            "process of its own, taking turns; ratios are medians of the rounds' ratios against the first row.</p>",
            _bounds(bench),
            _pictures(bench),
            _device(bench),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{html_table.STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _bounds(bench: BenchRecord) -> str:
    heading, *lines = bound_lines(bench) or [""]
    entries = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        f'<h2>Bounds</h2>\n<p class="quiet">{escape(heading)}</p><ul class="bounds">{entries}</ul>'
        if lines
        else ""
    )


def _pictures(bench: BenchRecord) -> str:
    figures = "\n".join(
        f'<figure><img alt="{escape(caption)}" src="data:image/svg+xml;base64,{base64.b64encode(data).decode()}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, data in draw_plots(bench, "svg").values()
    )
    return f'<h2>Pictures</h2>\n<div class="pictures">{figures}</div>' if figures else ""


def _device(bench: BenchRecord) -> str:
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
        "load average": ""
        if device.load_average is None
        else f"{device.load_average:.2f} before the bench",
        "versions": ", ".join(f"{name} {version}" for name, version in bench.versions.items()),
        "peak": ", ".join(
            f"{peak:.0f} GFLOP/s, threads: {threads}" for threads, peak in bench.peaks.items()
        ),
    }
    entries = "".join(
        f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items() if text
    )
    return f"<h2>Device</h2><dl>{entries}</dl>"
