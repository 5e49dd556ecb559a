"""Record with every kind of row."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from edgeseg.device import DeviceInfo
from edgeseg.evaluation.scores import DataSetScores, PhotographScores, Scores
from edgeseg.models.card import Precision
from edgeseg_benchmarks.record import BenchRecord, BenchRow, Latency
from edgeseg_benchmarks.remarks import add_remarks

HOSTILE = "<script>alert(1)</script>[red]"
STAGES = {
    "decode": 10.0,
    "field_of_view": 1.0,
    "preprocess": 2.0,
    "infer": 30.0,
    "postprocess": 3.0,
}


def make_row(precision: Precision, ms: float, dice: float, model: str = "default") -> BenchRow:
    scores = Scores(dice, 0.7, 0.9, 0.8, 0.9, None)
    time = Latency(ms, ms + 1, ms + 2, ms - 1)
    return BenchRow(
        model,
        precision,
        "onnxruntime",
        2,
        size_px=896,
        file_bytes=4_050_000,
        network_ms=time,
        end_to_end_ms=time,
        stages_ms=STAGES,
        cold_start_ms=612.0,
        peak_rss_bytes=236_000_000,
        gmac=7.3,
        ratio_to_first=ms / 30,
        data_sets=(DataSetScores("drive", "test", (PhotographScores.from_scores("01", scores),)),),
        end_to_end_ratio_to_first=ms / 30,
        gflops=486.0,
        share_of_peak=0.62,
        kernels={"float32": 25},
    )


@pytest.fixture
def record() -> BenchRecord:
    """Record with FP32, a slow FP16, a failed row, and a model with HTML and markup in its name."""
    rows = (
        make_row("fp32", 30.0, 0.8),
        make_row("fp16", 42.0, 0.799),
        BenchRow("default", "int8", "openvino", 2, status=f"not installed {HOSTILE}"),
        replace(make_row("fp32", 3000.0, 0.5, HOSTILE), data_sets=()),
    )
    device = DeviceInfo(cpu="Cortex-A76", usable_cores=4, cores=4)
    record = BenchRecord(device, {"numpy": "2"}, rows, "one", 9, {2: 80.0}, ("hot",))
    return add_remarks(record)
