"""The record as one self-contained HTML page, which loads nothing (extra `html`)."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import format_threads
from edgeseg_benchmarks.report.formatting import (
    STAGES,
    cost_values,
    dice_values,
    format_ms,
    format_ratio,
)
from edgeseg_benchmarks.report.plots import draw_plots
from edgeseg_benchmarks.report.tables import SELECTED

TEMPLATE = Path(__file__).with_name("bench.html.j2")


def render_page(record: BenchRecord) -> str:
    """Return the page: warnings, table, plots, device."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"ms": format_ms, "ratio": format_ratio, "threads": format_threads}
    data_sets: dict[str, None] = {}
    rows = []
    for row in record.rows:
        dice = dice_values(record, row)
        data_sets |= dict.fromkeys(dice)
        rows.append((row, cost_values(row), dice))
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        record=record,
        rows=rows,
        stages=STAGES,
        data_sets=list(data_sets),
        plots=_embed_plots(record),
        device=_device_facts(record),
        selected=SELECTED,
    )


def _embed_plots(record: BenchRecord) -> list[tuple[str, str]]:
    """Return caption and data URL of each plot."""
    plots = []
    for plot in draw_plots(record, "svg").values():
        data = base64.b64encode(plot.data).decode()
        plots.append((plot.caption, f"data:image/svg+xml;base64,{data}"))
    return plots


def _device_facts(record: BenchRecord) -> dict[str, str]:
    """Return what is known about the device, by name; "" if unknown."""
    device = record.device
    facts = {
        "board": device.board,
        "CPU": device.cpu,
        "cores": f"{device.usable_cores} of {device.cores} usable",
        "features": ", ".join(device.features),
        "memory": f"{device.memory_bytes / 2**30:.1f} GiB",
        "system": device.os,
        "governor": device.governor,
        "versions": ", ".join(f"{name} {text}" for name, text in record.versions.items()),
    }
    if device.temperature_c is not None:
        facts["temperature"] = f"{device.temperature_c:.0f} °C"
    if device.load_average is not None:
        facts["load average"] = f"{device.load_average:.2f} before the benchmark"
    for threads, peak in record.peak_gflops.items():
        facts[f"peak, {format_threads(threads)}"] = f"{peak:.0f} GFLOP/s"
    return facts
