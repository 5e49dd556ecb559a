"""`edgeseg bench` with tiny models: measurements, and failed rows."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeseg.cli import cli
from edgeseg.runtimes.onnx_profile import kernel_types
from edgeseg_benchmarks import runner
from edgeseg_benchmarks.options import BenchOptions
from edgeseg_benchmarks.record import BenchRecord, BenchRow
from edgeseg_benchmarks.runner import run_bench

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("fast_bench")]


def make_options(*models: Path, **more: object) -> BenchOptions:
    values = {"rounds": 2, "warmup": 1, "threads": (1,), "runtimes": ("onnxruntime",), **more}
    return BenchOptions(models=tuple(map(str, models)), **values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def record(half_models: Path) -> BenchRecord:
    """FP32 and FP16 rows of a model, of a damaged file and of a missing file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "PHOTOGRAPH_SIZE", 256)
        patch.setattr(runner, "MATRIX_SIDE", 64)
        patch.setattr(runner, "COLD_STARTS", 1)
        names = ("tiny.fp32.onnx", "damaged.fp32.onnx", "nowhere.onnx")
        models = [half_models / name for name in names]
        return run_bench(make_options(*models, precisions=("fp32", "fp16"), data=("synthetic:1",)))


def find_row(record: BenchRecord, model: str, precision: str) -> BenchRow:
    rows = {(row.model, row.precision): row for row in record.rows}
    return rows[model, precision]  # type: ignore[index]


def test_run_bench_measures_everything(record: BenchRecord) -> None:
    row = find_row(record, "tiny", "fp32")
    assert (row.status, row.ratio_to_first, row.end_to_end_ratio_to_first) == ("ok", 1.0, 1.0)
    assert (row.size_px, row.threads, row.runtime) == (128, 1, "onnxruntime")
    assert row.stages_ms is not None
    assert list(row.stages_ms) == ["decode", "field_of_view", "preprocess", "infer", "postprocess"]
    assert row.network_ms is not None and row.end_to_end_ms is not None
    assert 0 < row.network_ms.min <= row.network_ms.p50 <= row.network_ms.p95
    assert row.end_to_end_ms.min > 0
    assert row.cold_start_ms and row.cold_start_ms > row.network_ms.min
    assert row.gmac and row.gflops == pytest.approx(2 * row.gmac / (row.network_ms.p50 / 1e3))
    assert row.gflops and row.share_of_peak == pytest.approx(row.gflops / record.peak_gflops[1])
    if sys.platform == "linux":
        assert row.peak_rss_bytes and row.peak_rss_bytes > 20e6


def test_run_bench_with_failed_rows_measures_the_others(record: BenchRecord) -> None:
    assert [row.ok for row in record.rows] == [True, True, False, False, False, False]
    damaged = find_row(record, "damaged", "fp32")
    assert "damaged" in damaged.status
    assert damaged.network_ms is None and damaged.cold_start_ms is None
    assert "fp16" in find_row(record, "damaged", "fp16").status
    assert "nowhere.onnx" in find_row(record, "nowhere", "fp32").status


def test_run_bench_dice_is_identical_to_evaluate(record: BenchRecord, half_models: Path) -> None:
    model = str(half_models / "tiny.fp32.onnx")
    arguments = ["evaluate", "--model", model, "--data", "synthetic:1", "--threads", "1"]
    result = CliRunner().invoke(cli, [*arguments, "--runtime", "onnxruntime", "--json"])
    row = json.loads(record.to_json())["rows"][0]
    assert row["data_sets"] == json.loads(result.stdout)["data_sets"]


def test_run_bench_counts_kernels(record: BenchRecord, half_models: Path) -> None:
    single, half = find_row(record, "tiny", "fp32"), find_row(record, "tiny", "fp16")
    assert single.kernels == kernel_types(half_models / "tiny.fp32.onnx", 128, 1)
    assert single.kernels and set(single.kernels) == {"float32"}
    assert half.kernels and sum(half.kernels.values()) == sum(single.kernels.values())
    if os.uname().machine == "x86_64":
        assert set(half.kernels) == {"float32"}  # on x86-64, FP16 models are computed in FP32
        assert any("FP16 kernel" in remark for remark in half.remarks)


def test_run_bench_imports_nothing_from_the_current_folder(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "numpy", "onnxruntime"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('wrong module imported')")
    monkeypatch.chdir(tmp_path)
    (row,) = run_bench(make_options(tiny_model, rounds=1)).rows
    assert row.status == "ok"
    assert row.cold_start_ms and row.kernels


def test_measure_peak_is_positive_or_0_if_the_process_fails() -> None:
    assert runner.measure_peak(1, 60) > 0
    assert runner.measure_peak(1, 0.001) == 0
