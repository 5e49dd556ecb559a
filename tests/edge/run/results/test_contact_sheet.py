"""Contact sheet: thumbnails and values of a run on one page."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import SystemSetupError
from edgeseg.imaging.encoder import encode_png
from edgeseg.run.frame import Frame
from edgeseg.run.results.contact_sheet import SHEET_NAME, ContactSheet
from edgeseg.run.results.record import ResultFiles, ResultRecord
from edgeseg.run.results.record_builder import RecordBuilder
from edgeseg.segmenter import Segmenter
from edgeseg.synthetic import generate_photo

pytest.importorskip("jinja2")


def test_contact_sheet_page_contains_thumbnails_figures_and_escaped_names(tmp_path: Path) -> None:
    segmenter = Segmenter("default", "fp32", "onnxruntime", 1)
    result = segmenter.segment(generate_photo(5, 500).photo)
    name = "<script>alert('eye & \"two\"')</script>.png"
    records = result.records(name)
    sheet = ContactSheet(tmp_path)
    sheet.add_thumbnails(name, 1, result.photo, result.mask)
    sheet.add_records(records)
    failed = RecordBuilder(segmenter).failed(
        Frame("b.png", "b", bytes), "undecodable", "b.png: <b>"
    )
    sheet.add_records((failed,))
    sheet.write()
    page = (tmp_path / SHEET_NAME).read_text()
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page
    assert f"{records[0].vessel_density:.1%}" in page
    assert page.count("<section") == 2
    assert 'class="card failed"' in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    thumbnails = re.findall(r"base64,([^\"]+)", page)
    shapes = []
    for thumbnail in thumbnails:
        data = np.frombuffer(base64.b64decode(thumbnail), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert image is not None
        shapes.append(image.shape)
    assert shapes == [(400, 400, 3)] * 2


def test_contact_sheet_shows_photograph_and_overlay_of_a_reused_result(
    tmp_path: Path, make_record: Callable[..., ResultRecord]
) -> None:
    photo, overlay = tmp_path / "a.png", tmp_path / "a_overlay.png"
    for file in (photo, overlay):
        file.write_bytes(encode_png(generate_photo(5, 200).photo))
    record = make_record(source=str(photo), files=ResultFiles(overlay=str(overlay)), reused=True)
    sheet = ContactSheet(tmp_path)
    sheet.add_records((record,))
    sheet.write()
    page = (tmp_path / SHEET_NAME).read_text()
    assert re.findall(r'alt="(\w+)"', page) == ["photograph", "overlay"]


def test_contact_sheet_does_not_overwrite_a_foreign_page(tmp_path: Path) -> None:
    ContactSheet(tmp_path).write()
    ContactSheet(tmp_path).write()
    (tmp_path / SHEET_NAME).write_text("<html>my own page</html>")
    with pytest.raises(SystemSetupError):
        ContactSheet(tmp_path)
