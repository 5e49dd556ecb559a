from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edgeseg.runtimes.base import resolve_runtime
from edgeseg_benchmarks.options import BenchOptions
from edgeseg_benchmarks.rows import (
    HALF_PRECISION_REMARK,
    installed_bench_runtimes,
    select_rows,
    split_file_name,
)


def make_options(*models: Path, **more: object) -> BenchOptions:
    values = {"threads": (1,), "runtimes": ("onnxruntime",), **more}
    return BenchOptions(models=tuple(map(str, models)), **values)  # type: ignore[arg-type]


def test_select_rows_combines_precisions_and_threads(half_models: Path) -> None:
    options = make_options(
        half_models / "tiny.fp32.onnx", precisions=("fp32", "fp16"), threads=(1, 2)
    )
    keys = [row.key for row in select_rows(options)]
    assert [(key.precision, key.threads) for key in keys] == [
        ("fp32", 1),
        ("fp32", 2),
        ("fp16", 1),
        ("fp16", 2),
    ]


def test_select_rows_marks_the_fp16_variant_of_auto(half_models: Path) -> None:
    options = make_options(half_models / "tiny.fp32.onnx", precisions=("fp32", "fp16"))
    assert [row.remarks for row in select_rows(options)] == [(), (HALF_PRECISION_REMARK,)]


def test_select_rows_of_given_file_omits_only_missing_files(
    half_models: Path, tmp_path: Path
) -> None:
    def rows() -> list[tuple[str, str, bool]]:
        specs = select_rows(make_options(tmp_path / "tiny.fp16.onnx"))
        return [(row.key.model, row.key.precision, bool(row.failure)) for row in specs]

    shutil.copy(half_models / "tiny.fp16.onnx", tmp_path)
    assert rows() == [("tiny", "fp16", False)]
    shutil.copy(half_models / "tiny.fp32.onnx", tmp_path)
    assert rows() == [("tiny", "fp16", False), ("tiny", "fp32", False)]
    (tmp_path / "tiny.fp16.onnx").write_bytes(b"damaged")
    # The FP32 file may belong to another model than the damaged file.
    assert rows() == [("tiny", "fp16", True), ("tiny", "fp32", True)]
    (tmp_path / "tiny.fp32.onnx").write_bytes(b"damaged")
    assert rows() == [("tiny", "fp16", True), ("tiny", "fp32", True)]


def test_select_rows_with_missing_precision_gives_failed_row(tiny_model: Path) -> None:
    rows = select_rows(make_options(tiny_model, precisions=("fp32", "int8")))
    assert [(row.key.precision, bool(row.failure)) for row in rows] == [
        ("fp32", False),
        ("int8", True),
    ]


def test_select_rows_with_one_file_twice_gives_one_row(half_models: Path) -> None:
    files = (half_models / "tiny.fp32.onnx", half_models / "tiny.fp16.onnx")
    keys = [row.key for row in select_rows(make_options(*files))]
    assert [(key.model, key.precision) for key in keys] == [("tiny", "fp32"), ("tiny", "fp16")]


def test_select_rows_with_two_files_with_the_same_name_gives_two_rows(
    half_models: Path, tiny_model: Path
) -> None:
    rows = select_rows(make_options(half_models / "tiny.fp32.onnx", tiny_model))
    assert [row.key.model for row in rows] == ["tiny", "tiny (2)"]


def test_select_rows_gives_all_rows_of_a_folder_the_same_name(
    half_models: Path, tiny_model: Path
) -> None:
    files = (tiny_model, half_models / "tiny.fp16.onnx", half_models / "tiny.fp32.onnx")
    keys = [row.key for row in select_rows(make_options(*files))]
    assert [(key.model, key.precision) for key in keys] == [
        ("tiny", "fp32"),
        ("tiny (2)", "fp16"),
        ("tiny (2)", "fp32"),
    ]


def test_select_rows_of_file_name_that_is_not_utf8_gives_rows_for_json(
    tiny_model: Path, tmp_path: Path
) -> None:
    present, missing = (tmp_path / os.fsdecode(name) for name in (b"\xff.onnx", b"\xfe.onnx"))
    shutil.copy(tiny_model, present)
    rows = select_rows(make_options(present, missing))
    assert [row.key.model for row in rows] == [r"\udcff", r"\udcfe"]
    assert all(row.failure.isprintable() for row in rows)


def test_select_rows_with_every_gives_the_shipped_files() -> None:
    rows = select_rows(BenchOptions(every=True, runtimes=(resolve_runtime("auto"),)))
    assert {row.key.model for row in rows} == {"default", "detail"}
    assert all(row.file is not None for row in rows)
    assert sum(row.taken_by_auto for row in rows) == 2


def test_select_rows_marks_the_selected_row_only_once() -> None:
    options = BenchOptions(runtimes=("onnxruntime", "openvino", "ncnn"), threads=(1,))
    rows = select_rows(options)
    assert [row.key.runtime for row in rows] == ["onnxruntime", "openvino", "ncnn"]
    assert sum(row.taken_by_auto for row in rows) <= 1


def test_select_rows_measures_ncnn_in_fp32_only() -> None:
    rows = select_rows(
        BenchOptions(precisions=("fp32", "fp16"), runtimes=("onnxruntime", "ncnn"), threads=(1,))
    )
    assert [row.key.precision for row in rows if row.key.runtime == "ncnn"] == ["fp32"]


def test_installed_bench_runtimes_start_with_onnx_runtime() -> None:
    assert installed_bench_runtimes()[0] == "onnxruntime"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("folder/x.int8.onnx", ("x", "int8")),
        ("x.onnx", ("x", None)),
        ("x", ("x", None)),
        ("a.fp16w.onnx", ("a", "fp16w")),
    ],
)
def test_split_file_name_returns_name_and_precision(
    file: str, expected: tuple[str, str | None]
) -> None:
    assert split_file_name(file) == expected
