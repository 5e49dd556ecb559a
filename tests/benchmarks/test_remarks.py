from __future__ import annotations

from msgspec.structs import replace

from edgeseg.device import DeviceInfo
from edgeseg.evaluation.scores import DataSetScores, PhotographScores
from edgeseg.models.card import Precision
from edgeseg_benchmarks.record import BenchRecord, BenchRow, Latency
from edgeseg_benchmarks.remarks import add_remarks, compute_remarks


def make_row(precision: Precision, ms: float, kernel: str = "float32") -> BenchRow:
    latency = Latency(ms, ms, ms, ms)
    return BenchRow("a", precision, "onnxruntime", 2, network_ms=latency, kernels={kernel: 25})


def remarks(*rows: BenchRow) -> list[tuple[str, ...]]:
    return [row.remarks for row in add_remarks(BenchRecord(DeviceInfo(), {}, rows)).rows]


def test_add_remarks_to_slow_half_precision() -> None:
    first, second = remarks(make_row("fp32", 30), make_row("fp16", 42))
    assert first == ()
    assert len(second) == 2
    assert "1.40x slower" in second[0] and "FP16" in second[1]


def test_add_remarks_to_fast_half_precision_adds_none() -> None:
    assert remarks(make_row("fp32", 30), make_row("fp16", 20, "float16")) == [(), ()]


def test_add_remarks_compares_rounds_rather_than_medians() -> None:
    # The clock frequency dropped while FP16W was timed. Its median is higher, but its ratios are
    # not.
    first = replace(make_row("fp32", 263), ratio_to_first=4.74)
    second = replace(make_row("fp16w", 281), ratio_to_first=4.55)
    assert remarks(first, second) == [(), ()]
    (_, (remark,)) = remarks(first, replace(second, ratio_to_first=5.2))
    assert "1.10x slower than FP32" in remark


def test_add_remarks_counts_photographs_that_failed() -> None:
    photographs = (PhotographScores("01", status="truncated"),)
    row = replace(make_row("fp32", 30), data_sets=(DataSetScores("drive", "test", photographs),))
    ((remark,),) = remarks(row)
    assert "1 of 1" in remark


def test_compute_remarks_of_openvino_in_bfloat16() -> None:
    assert "bf16" in compute_remarks("openvino", "bf16")[0]
    assert compute_remarks("openvino", "f32") == ()
    assert compute_remarks("onnxruntime", "CPUExecutionProvider") == ()  # the kernels were counted
