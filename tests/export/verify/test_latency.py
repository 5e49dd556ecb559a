"""Tests of the latency of INT8 relative to FP32, with an injected measurement."""

from __future__ import annotations

import subprocess
from pathlib import Path

import onnx
import pytest

from edgeseg_export.verify import latency
from edgeseg_export.verify.latency import describe_latency, is_slower, measure_latency_ratio

MODEL = """
    <ir_version: 8, opset_import: ["": 17]>
    g (uint8[1, 8, 8, 3] photo) => (float[1, 8, 8] probability)
    {
        x = Cast <to = 1> (photo)
        mean = ReduceMean <axes = [3], keepdims = 0> (x)
        probability = Sigmoid (mean)
    }"""


@pytest.mark.parametrize(
    ("ratio", "slower"), [(None, False), (0.6, False), (1.1, False), (1.11, True), (2.0, True)]
)
def test_int8_is_slower_above_limit(ratio: float | None, slower: bool) -> None:
    assert is_slower(ratio) == slower
    check = describe_latency(ratio, "no instructions")
    assert check.passed
    assert check.value == ratio
    assert ("auto" in check.note) == slower


def test_measure_latency_ratio_compares_files_in_processes(
    tmp_path: Path,
) -> None:
    file = tmp_path / "net.onnx"
    onnx.save(onnx.parser.parse_model(MODEL), file)
    ratio, problem = measure_latency_ratio(file, file, 8, 1, {"avx2"})
    assert problem == ""
    assert ratio is not None
    assert ratio > 0
    file.write_bytes(b"not an ONNX file")
    ratio, problem = measure_latency_ratio(file, file, 8, 1, {"avx2"})
    assert ratio is None
    assert problem


def test_measure_latency_ratio_returns_median_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["1.5\n", "0.9\n", "1.2\n"])

    def answer(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, next(answers))

    monkeypatch.setattr(latency, "PROCESSES", 3)
    monkeypatch.setattr("subprocess.run", answer)
    assert measure_latency_ratio(tmp_path, tmp_path, 8, 1, {"asimddp"}) == (1.2, "")


def test_measure_latency_ratio_without_int8_instructions_measures_nothing(
    tmp_path: Path,
) -> None:
    ratio, problem = measure_latency_ratio(tmp_path, tmp_path, 8, 1, {"sse4_1", "asimd"})
    assert ratio is None
    assert problem
