"""HTML page of a benchmark record (extra `bench`). The page loads no other files."""

import base64
from itertools import chain
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from edgeseg.console import plural
from edgeseg_benchmarks.record import BenchRecord
from edgeseg_benchmarks.report.formatting import (
    STAGES,
    cost_values,
    dice_values,
    format_ms,
    format_ratio,
)
from edgeseg_benchmarks.report.plots import CAPTIONS, draw_plots
from edgeseg_benchmarks.report.tables import SELECTED

TEMPLATE = Path(__file__).with_name("bench.html.j2")


def render_page(record: BenchRecord) -> str:
    """Return the page with warnings, table, plots and device."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "ms": format_ms,
        "ratio": format_ratio,
        "plural": plural,
        "base64": lambda data: base64.b64encode(data).decode(),
    }
    dice = [dice_values(record, row) for row in record.rows]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        record=record,
        rows=zip(record.rows, map(cost_values, record.rows), dice, strict=True),
        stages=STAGES,
        data_sets=list(dict.fromkeys(chain.from_iterable(dice))),
        plots=draw_plots(record, "svg"),
        captions=CAPTIONS,
        selected=SELECTED,
    )
