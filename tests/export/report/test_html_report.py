"""Tests of the HTML report of a conversion."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from edgeseg.evaluation.result import Check, EvaluationResult
from edgeseg.evaluation.scores import DataSetScores, PhotographScores, Scores
from edgeseg.models.card import read_card
from edgeseg_export.precision.build import ExportedFile
from edgeseg_export.report.html_report import render_report
from edgeseg_export.verify.parity import HISTOGRAM_EDGES, ParityReport, WorstPhotograph

HOSTILE = "<script>alert(1)</script>"


def make_result(file: str, passed: bool = True) -> EvaluationResult:
    scores = Scores(0.8123, 0.7, 0.9, 0.8, 0.9, None)
    data_sets = (
        DataSetScores("drive", "test", (PhotographScores.from_scores("01_test", scores),)),
    )
    checks = (Check.at_most("difference", 0.25 if passed else float("nan"), 0.5, HOSTILE),)
    return EvaluationResult(
        "net", "fp16", "onnxruntime", "native", 0.4, data_sets, file, 2_000_000, checks
    )


@pytest.mark.parametrize("value", [0.25, float("nan")])
def test_report_is_complete_and_self_contained(value: float, tiny_model: Path) -> None:
    card = read_card(tiny_model)
    expected = np.full((8, 8), 0.5, np.float32)
    actual = np.full((8, 8), value, np.float32)
    worst = WorstPhotograph(f"drive {HOSTILE}", expected, actual)
    histogram = np.arange(len(HISTOGRAM_EDGES) - 1, dtype=np.int64) * 1000
    parity = ParityReport((0.25,), (0.1,), histogram, worst, ())
    files = [
        ExportedFile(Path("net.fp16.onnx"), card, make_result("net.fp16.onnx"), parity),
        ExportedFile(Path("net.int8.onnx"), card, make_result("net.int8.onnx", False), None),
    ]
    html = render_report("net", files, [make_result("")])
    assert html.count("data:image/png;base64,") == 3
    assert html.count("<rect") == len(histogram)
    assert html.count('class="failed"') == 2
    assert (html.count(">passed</td>"), html.count(">failed</td>")) == (1, 1)
    for text in (
        "net.int8.onnx",
        ">passed<",
        "0.8123",
        ">NO<",
        "above 1 or NaN",
        "1e-07 to 1e-06",
        "8,000",
    ):
        assert text in html
    assert HOSTILE not in html
    assert not re.findall(r'(?:src|href)="(?!data:)', html)


def test_report_without_files_has_title() -> None:
    assert "<h1>net</h1>" in render_report("net", [], [])
