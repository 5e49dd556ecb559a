from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from edgeseg_benchmarks.record import BenchRecord

pytest.importorskip("matplotlib", reason="the page requires matplotlib (extra 'bench')")
pytest.importorskip("jinja2", reason="the page requires jinja2 (extra 'html')")

from edgeseg_benchmarks.report.html_report import render_page


class Rows(HTMLParser):
    """Counts the columns of every table line, and those that cells of earlier lines occupy."""

    def __init__(self) -> None:
        super().__init__()
        self.widths: list[int] = []
        self.occupied: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "tr":
            self.widths.append(len(self.occupied))
            self.occupied = [rows - 1 for rows in self.occupied if rows > 1]
        if tag in ("td", "th"):
            self.widths[-1] += int(values.get("colspan") or 1)
            if int(values.get("rowspan") or 1) > 1:
                self.occupied.append(int(values["rowspan"] or 1) - 1)


def test_render_page_contains_every_value_and_loads_nothing(record: BenchRecord) -> None:
    text = render_page(record)
    assert text.startswith("<!doctype html>")
    assert text.count("data:image/svg+xml;base64,") == 2
    assert not re.findall(r'(?:src|href)="(?!data:)|@import|url\(|https?:', text)
    assert "<script" not in text
    assert '<meta name="viewport" content="width=device-width' in text
    for fragment in (
        "30.0",
        "31.0",
        "32.0",
        "29.0",
        "33.33",
        "field of view",
        "4.05 MB",
        "236 MB",
        "0.61 s",
        "7.3",
        "486",
        "62%",
        "25 conv",
        "0.7990",
        "drop 0.0010",
        "1.40x slower",
        "FAILED: not installed",
        "Cortex-A76",
        "hot",
    ):
        assert fragment in text, fragment


def test_render_page_table_lines_have_equal_widths(record: BenchRecord) -> None:
    rows = Rows()
    rows.feed(render_page(record))
    remarks = sum(bool(row.remarks) for row in record.rows)
    assert len(rows.widths) == 2 + len(record.rows) + remarks
    assert len(set(rows.widths)) == 1
