"""Table, CSV, pictures and page of a record with every kind of row."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from edgeseg.device import DeviceInfo
from edgeseg.evaluation.scores import DataSetScores, PhotographScores, Scores
from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.bound import Bound
from edgeseg_benchmarks.record.row import BenchRow, Latency, RowKey
from edgeseg_benchmarks.remarks import add_remarks, computes_otherwise
from edgeseg_benchmarks.report.tables import to_csv, to_table

HOSTILE = "<script>alert(1)</script>[red]"
STAGES = {
    "decode": 10.0,
    "field_of_view": 1.0,
    "preprocess": 2.0,
    "infer": 30.0,
    "postprocess": 3.0,
}

BOUNDS = (
    Bound("start", "imports", "ratio", 1.6, 1.554, 240.0, 154.4, "a small one"),
    Bound("memory", "imports", "bytes", 120e6, 125.4e6, 187e6, 62e6),
    Bound("all but the network", "a resize", "ratio", 2.5, status=f"it died {HOSTILE}"),
)


def _row(precision: str, ms: float = 30.0, dice: float = 0.8, model: str = "default") -> BenchRow:
    scores = Scores(dice, 0.7, 0.9, 0.8, 0.9, None)
    data_sets = (DataSetScores("drive", "test", (PhotographScores.from_scores("01", scores),)),)
    time = Latency(ms, ms + 1, ms + 2, ms - 1)
    return BenchRow(
        RowKey(model, precision, "onnxruntime", 2), 896, 4_050_000, time, time, STAGES, 612.0, 236_000_000, 7.3,
        ms / 30, data_sets, "ok", ms / 30, 486.0, 0.62, {"float32": 25},
    )  # fmt: skip


@pytest.fixture
def record() -> BenchRecord:
    failed = BenchRow(RowKey("default", "int8", "openvino", 2), status=f"not installed {HOSTILE}")
    rows = (
        _row("fp32"),
        _row("fp16", 42.0, 0.799),
        failed,
        replace(_row("fp32", 3000.0, 0.5, HOSTILE), data_sets=()),
    )
    bench = BenchRecord(
        DeviceInfo(cpu="Cortex-A76", usable_cores=4, cores=4),
        {"numpy": "2"},
        rows,
        "one",
        9,
        {2: 80.0},
        ("hot",),
        BOUNDS,
    )
    return add_remarks(bench)


def test_half_precision_that_does_not_pay_says_so(record: BenchRecord) -> None:
    assert record.rows[1].remarks == (
        "1.40x slower than FP32 here",
        "no half-precision kernel ran: its convolutions computed in FP32",
    )
    assert record.rows[0].remarks == ()
    fast = add_remarks(
        replace(record, rows=(_row("fp32"), replace(_row("fp16", 20.0), kernels={"float16": 25})))
    )
    assert fast.rows[1].remarks == ()


def test_a_runtime_that_computes_in_fewer_bits_says_so() -> None:
    assert "bf16" in "".join(computes_otherwise("openvino", "bf16"))
    assert not list(computes_otherwise("openvino", "f32"))
    assert not list(
        computes_otherwise("onnxruntime", "CPUExecutionProvider")
    )  # its kernels are counted


@pytest.mark.parametrize("width", [40, 80, 100, 130])
def test_the_table_tells_all_however_narrow_the_terminal_is(
    record: BenchRecord, width: int
) -> None:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(to_table(record))
    assert max(map(len, capture.get().splitlines())) <= width
    text = " ".join(capture.get().split())
    for said in (
        "p50 30.0", "p90 31.0", "p95 32.0", "min 29.0", "33.33 frames/s", "infer 30.0", "field of view 1.00",
        "4.05 MB file", "236 MB memory", "0.61 s cold start", "7.3 GMAC", "486 GFLOP/s", "62% of peak",
        "25 conv float32", "0.8000", "drop 0.0010", "1.40x slower", "FAILED: not installed", "warning: hot",
        "bounds of default in onnxruntime", "start: 1.55x imports (240 of 154 ms), on a small one; ",
        "aim at most 1.6x: reached", "memory: 125.4 MB above imports (187 over 62 MB); aim at most 120 MB: not reached",
        "all but the network: could not be measured (it died",
    ):  # fmt: skip
        assert said in text, said
    assert "[red]" in text  # printed, not obeyed


def test_without_bounds_nothing_is_said_of_them(record: BenchRecord) -> None:
    console = Console(width=100, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(to_table(replace(record, bounds=())))
    assert "bounds" not in capture.get() and "warning: hot" in capture.get()


def test_csv_is_one_line_a_row(record: BenchRecord) -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv(record))))
    assert [line["status"] for line in lines] == [row.status for row in record.rows]
    assert float(lines[0]["network_p50_ms"]) == 30.0
    assert float(lines[1]["dice_drop drive test"]) == pytest.approx(0.001)
    assert lines[2]["network_p50_ms"] == lines[2]["peak_rss_bytes"] == ""
    assert lines[3]["model"] == HOSTILE


def test_the_page_holds_all_and_loads_nothing(record: BenchRecord) -> None:
    pytest.importorskip("matplotlib", reason="the page's pictures need matplotlib (extra 'bench')")
    from edgeseg_benchmarks.report.html_report import render_page

    text = render_page(record)
    assert text.count("data:image/svg+xml;base64,") == 2
    assert not re.findall(r'(?:src|href)="(?!data:)|@import|url\(|https?:', text)
    assert "<script" not in text
    assert '<meta name="viewport" content="width=device-width' in text
    for said in (
        "30.0", "31.0", "32.0", "29.0", "33.33", "field of view", "4.05 MB", "236 MB", "0.61 s", "7.3", "486", "62%",
        "25 conv", "0.7990", "drop 0.0010", "1.40x slower than FP32 here", "FAILED: not installed", "Cortex-A76", "hot",
        "start: 1.55x imports", "aim at most 120 MB: not reached", "could not be measured (it died",
    ):  # fmt: skip
        assert said in text, said


def test_every_line_of_the_pages_table_has_as_many_cells(record: BenchRecord) -> None:
    from edgeseg_benchmarks.report.html_table import table

    def cells(line: str) -> int:
        return sum(
            int(span or 1)
            for span in re.findall(r'<t[dh](?![^>]*class="row")[^>]*?(?:colspan="(\d+)")?>', line)
        )

    lines = re.findall(r"<tr>(.*?)</tr>", table(record))
    assert len(lines) == 2 + len(record.rows) + sum(bool(row.remarks) for row in record.rows)
    assert len({cells(line) for line in lines}) == 1


@pytest.mark.filterwarnings(
    "error"
)  # matplotlib warns where a picture has no room for what it holds
@pytest.mark.parametrize("rows", [1, 24])
def test_pictures_hold_their_legends(record: BenchRecord, rows: int) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib (extra 'bench')")
    from edgeseg_benchmarks.report.plots import _latency_dice, _stages

    precisions = ("fp32", "fp16", "fp16w", "int8")
    keys = [
        RowKey("m" * 80, p, r, n)
        for n in (1, 2)
        for r in ("onnxruntime", "openvino", "ncnn")
        for p in precisions
    ]
    many = replace(record, rows=tuple(replace(record.rows[0], key=key) for key in keys[:rows]))
    for figure in (_latency_dice(many), _stages(many)):
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1


def test_pictures_are_those_that_there_are_figures_for(record: BenchRecord) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib (extra 'bench')")
    from edgeseg_benchmarks.report.plots import draw_plots

    drawn = draw_plots(record, "png")
    assert list(drawn) == ["latency_dice", "stages"]
    assert all(data.startswith(b"\x89PNG") for _, data in drawn.values())
    without = replace(record, rows=tuple(replace(row, data_sets=()) for row in record.rows))
    assert list(draw_plots(without, "png")) == ["stages"]
    assert draw_plots(replace(record, rows=record.rows[2:3]), "png") == {}
