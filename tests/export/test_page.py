"""The report of a conversion: one page that loads nothing, safe whatever the names say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from edgeseg.evaluation.result import Check, EvaluationResult
from edgeseg.evaluation.scores import DataSetScores, PhotographScores, Scores
from edgeseg_export.report.html_report import render_report
from edgeseg_export.verify.parity import EDGES, ParityReport, Worst

HOSTILE = "<script>alert(1)</script>"


def evidence(file: str, passed: bool = True) -> EvaluationResult:
    scores = Scores(0.8123, 0.7, 0.9, 0.8, 0.9, None)
    data_sets = (
        DataSetScores("drive", "test", (PhotographScores.from_scores("01_test", scores),)),
    )
    checks = (Check.at_most("difference", 0.25 if passed else float("nan"), 0.5, HOSTILE),)
    return EvaluationResult(
        "net", "fp16", "onnxruntime", "native", 0.4, data_sets, file, 2_000_000, checks
    )


@pytest.mark.parametrize("value", [0.25, float("nan")])
def test_the_page_holds_all_and_loads_nothing(value: float) -> None:
    expected = np.full((8, 8), 0.5, np.float32)
    worst = Worst(f"drive {HOSTILE}", expected, np.full((8, 8), value, np.float32))
    counts = np.arange(len(EDGES) - 1, dtype=np.int64)
    measured = ParityReport((0.25,), (0.1,), counts, worst, ())
    sections = [(evidence("net.fp16.onnx"), measured), (evidence("net.int8.onnx", False), None)]
    text = render_report("net", sections, [evidence("")])
    assert text.count("data:image/png;base64,") == 3
    assert text.count("<rect") == len(counts)
    assert "net.int8.onnx" in text and "0.8123" in text and "NO" in text and "failed" in text
    assert HOSTILE not in text
    assert not re.findall(r'(?:src|href)="(?!data:)', text)


def test_a_page_without_a_file_that_could_be_computed() -> None:
    assert "<h1>net</h1>" in render_report("net", [], [])
