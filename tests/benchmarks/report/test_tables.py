from __future__ import annotations

import csv
import io

import msgspec
import pytest
from rich.console import Console

from edgeseg_benchmarks.record import BenchRecord
from edgeseg_benchmarks.report.tables import to_csv, to_table


@pytest.mark.parametrize("width", [40, 80, 100, 130])
def test_table_at_any_width_contains_every_value(record: BenchRecord, width: int) -> None:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(to_table(record))
    assert max(map(len, capture.get().splitlines())) <= width
    text = " ".join(capture.get().split())
    for fragment in (
        "p50 30.0",
        "p90 31.0",
        "p95 32.0",
        "min 29.0",
        "33.33 frames/s",
        "infer 30.0",
        "field of view 1.00",
        "4.05 MB file",
        "236 MB memory",
        "0.61 s cold start",
        "7.3 GMAC",
        "486 GFLOP/s",
        "62% of peak",
        "25 conv float32",
        "0.8000",
        "drop 0.0010",
        "1.40x slower",
        "FAILED: not installed",
        "warning: hot",
    ):
        assert fragment in text, fragment
    assert "[red]" in text  # markup is printed, not interpreted


def test_to_csv_has_one_line_per_row(record: BenchRecord) -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv(record))))
    assert [line["status"] for line in lines] == [row.status for row in record.rows]
    assert float(lines[0]["network_p50_ms"]) == 30.0
    assert float(lines[0]["end_to_end_min_ms"]) == 29.0
    assert float(lines[0]["decode_ms"]) == 10.0
    assert float(lines[1]["dice_drop drive test"]) == pytest.approx(0.001)
    assert lines[2]["network_p50_ms"] == lines[2]["peak_rss_bytes"] == ""
    assert lines[3]["model"] == record.rows[3].model


def test_to_csv_adds_apostrophe_to_formulas(record: BenchRecord) -> None:
    row = msgspec.structs.replace(record.rows[0], model="=1+1", remarks=("@a",))
    text = to_csv(msgspec.structs.replace(record, rows=(row,)))
    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["model"], line["remarks"]) == ("'=1+1", "'@a")
