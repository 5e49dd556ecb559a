from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from edgeseg_benchmarks.record import BenchRecord

pytest.importorskip("matplotlib", reason="the page requires matplotlib (extra 'bench')")
pytest.importorskip("jinja2", reason="the page requires jinja2 (extra 'html')")

from edgeseg_benchmarks.report.html_report import render_page


class Rows(HTMLParser):
    """Counter of the columns of every table line, including cells that span several lines."""

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


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="requires chromium")
def test_page_on_a_narrow_screen_does_not_scroll_horizontally(
    record: BenchRecord, tmp_path: Path
) -> None:
    rows = [replace(row, model=row.model + "m" * 60) for row in record.rows]
    html = render_page(replace(record, rows=tuple(rows), warnings=("w" * 90,)))
    frame = tmp_path / "page.html"
    frame.write_text(html)
    # A browser window is at least 500 pixels wide, but a frame can be narrower.
    (tmp_path / "outer.html").write_text(
        '<iframe src="page.html" width="400" height="900"></iframe><script>onload = () => {'
        "const page = document.querySelector('iframe').contentDocument;"
        "let right = 0; for (const part of page.querySelectorAll('*'))"
        "  right = Math.max(right, part.getBoundingClientRect().right);"
        "document.title = page.documentElement.scrollWidth + ' ' + right; }</script>"
    )
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--allow-file-access-from-files", (tmp_path / "outer.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    (widths,) = re.findall("<title>(.*?)</title>", done.stdout)
    assert max(map(float, widths.split())) <= 400
