"""Options for the measurement of a baseline's rows."""

from __future__ import annotations

from edgeseg.device import DeviceInfo
from edgeseg_benchmarks.gate.remeasure import plan_remeasure
from edgeseg_benchmarks.record import BenchRecord, BenchRow
from edgeseg_benchmarks.reference_model import NAME, REMARK


def test_plan_remeasure_omits_reference_model() -> None:
    rows = (
        BenchRow("default", "fp32", "onnxruntime", 1),
        BenchRow(NAME, "fp32", "onnxruntime", 1, remarks=(REMARK,)),
    )
    options, omitted = plan_remeasure(BenchRecord(DeviceInfo(cpu="Xeon"), {}, rows), (), (), False)
    assert options.models == ("default",)
    assert options.only == {rows[0].key}
    assert not omitted and not options.reference
