"""What was asked for -> the rows of a bench."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeseg.runtimes.base import resolve_runtime
from edgeseg_benchmarks.rows import BenchOptions, candidates, in_autos_precision, installed_runtimes


def _order(*models: Path, **more: object) -> BenchOptions:
    given = {"threads": (1,), "runtimes": ("onnxruntime",), **more}
    return BenchOptions(models=tuple(map(str, models)), **given)  # type: ignore[arg-type]


def test_every_model_precision_runtime_and_number_of_threads_is_a_row(in_half: Path) -> None:
    order = _order(in_half / "tiny.fp32.onnx", precisions=("fp32", "fp16"), threads=(1, 2))
    keys = [candidate.key for candidate in candidates(order)]
    assert [(key.precision, key.threads) for key in keys] == [
        ("fp32", 1),
        ("fp32", 2),
        ("fp16", 1),
        ("fp16", 2),
    ]


def test_the_rule_of_auto_chooses_a_rows_precision(
    in_half: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(model: Path | str) -> tuple[str, str | None]:
        found = in_autos_precision(candidates(_order(in_half / "tiny.fp32.onnx"))[0], str(model))
        return found.key.precision, found.file.name if found.file else None

    monkeypatch.setattr("edgeseg.device.cpu.cpu_features", lambda: frozenset({"fphp", "asimdhp"}))
    assert taken(in_half / "tiny") == ("fp16", "tiny.fp16.onnx")
    assert taken(in_half / "tiny.fp32.onnx") == (
        "fp32",
        "tiny.fp32.onnx",
    )  # named, so taken as it is
    assert taken("nowhere") == ("fp32", "tiny.fp32.onnx")
    monkeypatch.setattr("edgeseg.device.cpu.cpu_features", frozenset)
    assert taken(in_half / "tiny") == ("fp32", "tiny.fp32.onnx")


def test_a_file_that_was_named_is_a_row_whatever_lies_beside_it(
    in_half: Path, tmp_path: Path
) -> None:
    def rows() -> list[tuple[str, str, bool]]:
        order = _order(tmp_path / "tiny.fp16.onnx")
        return [(c.key.model, c.key.precision, bool(c.failure)) for c in candidates(order)]

    shutil.copy(in_half / "tiny.fp16.onnx", tmp_path)
    assert rows() == [("tiny", "fp16", False)]  # nobody asked for an FP32 file
    shutil.copy(in_half / "tiny.fp32.onnx", tmp_path)
    assert rows() == [("tiny", "fp16", False), ("tiny", "fp32", False)]
    (tmp_path / "tiny.fp16.onnx").write_bytes(b"damaged")
    assert rows() == [("tiny", "fp16", True), ("tiny", "fp32", False)]
    (tmp_path / "tiny.fp32.onnx").write_bytes(b"damaged")
    assert rows() == [("tiny", "fp16", True), ("tiny", "fp32", True)]


def test_a_precision_that_was_asked_for_and_is_not_there_is_told(tiny_model: Path) -> None:
    told = [
        (c.key.precision, bool(c.failure))
        for c in candidates(_order(tiny_model, precisions=("fp32", "int8")))
    ]
    assert told == [("fp32", False), ("int8", True)]


def test_a_file_that_is_given_twice_is_one_row(in_half: Path) -> None:
    files = (in_half / "tiny.fp32.onnx", in_half / "tiny.fp16.onnx")
    keys = [candidate.key for candidate in candidates(_order(*files))]
    assert [(key.model, key.precision) for key in keys] == [("tiny", "fp32"), ("tiny", "fp16")]


def test_two_files_of_one_name_are_two_rows(in_half: Path, tiny_model: Path) -> None:
    keys = [
        candidate.key for candidate in candidates(_order(in_half / "tiny.fp32.onnx", tiny_model))
    ]
    assert [key.model for key in keys] == ["tiny", "tiny (2)"]


def test_all_is_every_file_that_is_shipped() -> None:
    found = candidates(BenchOptions(every=True, runtimes=(resolve_runtime("auto"),)))
    assert {candidate.key.model for candidate in found} == {"default", "detail"}
    assert all(candidate.file is not None for candidate in found)
    assert sum(candidate.taken_by_auto for candidate in found) == 2


def test_what_auto_takes_is_marked_in_one_row_only() -> None:
    found = candidates(BenchOptions(runtimes=("onnxruntime", "openvino", "ncnn"), threads=(1,)))
    assert [candidate.key.runtime for candidate in found] == ["onnxruntime", "openvino", "ncnn"]
    assert sum(candidate.taken_by_auto for candidate in found) <= 1
    in_half = candidates(
        BenchOptions(precisions=("fp32", "fp16"), runtimes=("onnxruntime", "ncnn"), threads=(1,))
    )
    assert not [c for c in in_half if (c.key.runtime, c.key.precision) == ("ncnn", "fp16")]


def test_onnx_runtime_is_always_installed() -> None:
    assert installed_runtimes()[0] == "onnxruntime"
