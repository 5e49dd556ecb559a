from __future__ import annotations

from typing import get_args

import pytest
from msgspec.structs import replace

from edgeseg.models.card import Precision
from edgeseg_benchmarks.record import BenchRecord, BenchRuntime

pytest.importorskip("matplotlib", reason="plots require matplotlib (extra 'bench')")

from edgeseg_benchmarks.report.plots import draw_plots, plot_latency_dice, plot_stages

# Matplotlib warns if a figure is too small for its content.
pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("count", [1, 24])
def test_plots_have_room_for_their_legends(record: BenchRecord, count: int) -> None:
    rows = []
    for threads in (1, 2):
        for runtime in get_args(BenchRuntime):
            for precision in get_args(Precision):
                changes = {"precision": precision, "runtime": runtime, "threads": threads}
                rows.append(replace(record.rows[0], model="m" * 80, **changes))
    many = replace(record, rows=tuple(rows[:count]))
    for figure in (plot_latency_dice(many), plot_stages(many)):
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1


def test_draw_plots_omits_plots_without_measurements(record: BenchRecord) -> None:
    plots = draw_plots(record, "png")
    assert list(plots) == ["latency_dice", "stages"]
    assert all(data.startswith(b"\x89PNG") for data in plots.values())
    rows = tuple(replace(row, data_sets=()) for row in record.rows)
    assert list(draw_plots(replace(record, rows=rows), "png")) == ["stages"]
    assert draw_plots(replace(record, rows=record.rows[2:3]), "png") == {}


def test_plot_legend_explains_colours_markers_and_areas(record: BenchRecord) -> None:
    first, second, *_ = record.rows
    rows = (second, replace(first, file_bytes=1_000_000))  # any order
    (legend,) = plot_latency_dice(replace(record, rows=rows)).legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["fp32", "fp16", "onnxruntime, 2 thr."]
    assert "1.00 to 4.05 MB" in legend.get_title().get_text()
