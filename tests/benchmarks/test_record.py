from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edgeseg.device import DeviceInfo
from edgeseg.errors import IncomparableError, SystemSetupError
from edgeseg.evaluation.scores import DataSetScores, PhotographScores, Scores
from edgeseg.models.card import Precision
from edgeseg_benchmarks.record import (
    BenchRecord,
    BenchRow,
    BenchRuntime,
    Latency,
    RowKey,
    decode_bench,
    read_bench,
)

GOOD = Scores(0.8, 2 / 3, 0.95, 0.75, 0.98, 0.97)
LATENCY = Latency(30.5, 31.0, 32.25, 30.0)
REQUIRED_KEYS = (
    "model",
    "precision",
    "runtime",
    "threads",
    "size_px",
    "file_bytes",
    "network_ms",
    "end_to_end_ms",
    "stages_ms",
    "cold_start_ms",
    "peak_rss_bytes",
    "gmac",
    "ratio_to_first",
    "data_sets",
    "status",
)


def drive_scores(dice: float) -> tuple[DataSetScores, ...]:
    photographs = (
        PhotographScores.from_scores("01", replace(GOOD, dice=dice)),
        PhotographScores("02", status="02: truncated"),
    )
    return (DataSetScores("drive", "test", photographs),)


def make_row(
    precision: Precision = "fp32", dice: float = 0.8, runtime: BenchRuntime = "onnxruntime"
) -> BenchRow:
    return BenchRow(
        "default",
        precision,
        runtime,
        2,
        size_px=896,
        file_bytes=4_000_000,
        network_ms=LATENCY,
        end_to_end_ms=LATENCY,
        stages_ms={"infer": 30.5},
        cold_start_ms=400.0,
        peak_rss_bytes=150_000_000,
        gmac=7.3,
        ratio_to_first=1.0,
        data_sets=drive_scores(dice),
        kernels={"float32": 17},
        remarks=("a remark",),
    )


def make_record(*rows: BenchRow) -> BenchRecord:
    device = DeviceInfo(cpu="Cortex-A76", bits=64)
    return BenchRecord(
        device, {"edgeseg": "0.1.0"}, rows, "3 synthetic", 9, {2: 88.5}, ("high load",)
    )


def to_json(record: BenchRecord) -> Any:
    return json.loads(record.to_json())


def changed_row(change: dict[str, object]) -> bytes:
    row = {**to_json(make_record(make_row()))["rows"][0], **change}
    return json.dumps({"device": {}, "versions": {}, "rows": [row]}).encode()


def test_record_written_and_read_is_equal(tmp_path: Path) -> None:
    failed = BenchRow("default", "int8", "openvino", 2, status="not installed")
    record = make_record(make_row(), make_row("fp16", 0.79), failed)
    file = tmp_path / "bench.json"
    file.write_bytes(record.to_json())
    assert read_bench(file) == record
    content = to_json(record)
    assert list(content)[:3] == ["device", "versions", "rows"]
    assert tuple(content["rows"][0])[: len(REQUIRED_KEYS)] == REQUIRED_KEYS
    assert {content["rows"][2][key] for key in REQUIRED_KEYS[4:13]} == {None}
    assert content["peak_gflops"] == {"2": 88.5}
    assert content["rows"][1]["dice_drop"] == {"drive test": pytest.approx(0.01)}
    assert content["rows"][0]["frames_per_second"] == pytest.approx(1e3 / 30.5)


def test_record_with_bounds_of_an_old_version_is_read() -> None:
    content = {**to_json(make_record(make_row())), "bounds": [{"name": "start-up"}]}
    assert decode_bench(json.dumps(content).encode()) == make_record(make_row())


def test_row_with_required_keys_only_is_read() -> None:
    content = to_json(make_record(make_row()))["rows"][0]
    row = {key: content[key] for key in REQUIRED_KEYS}
    data = json.dumps({"device": {}, "versions": {}, "rows": [row]}).encode()
    assert decode_bench(data).rows[0] == replace(make_row(), kernels=None, remarks=())


def test_dice_drops_refer_to_fp32_in_onnx_runtime() -> None:
    record = make_record(make_row(runtime="openvino", dice=0.5), make_row(), make_row("int8", 0.7))
    assert record.dice_drops(record.rows[2]) == {"drive test": pytest.approx(0.1)}
    assert record.dice_drops(record.rows[1]) == {}
    assert make_record(make_row("int8")).dice_drops(make_row("int8")) == {}


def test_row_key_as_text_has_singular_and_plural() -> None:
    assert str(RowKey("a", "fp32", "onnxruntime", 1)) == "a fp32 onnxruntime 1 thread"
    assert str(RowKey("a", "int8", "openvino", 2)) == "a int8 openvino 2 threads"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"threads": 0}, "rows[0].threads"),
        ({"threads": 1.5}, "rows[0].threads"),
        ({"precision": "auto"}, "rows[0].precision"),
        ({"runtime": "auto"}, "rows[0].runtime"),
        ({"network_ms": {"p50": -1, "p90": 1, "p95": 1, "min": 1}}, "rows[0].network_ms.p50"),
        ({"network_ms": {"p50": 1}}, "p90"),
        ({"network_ms": None}, "network_ms"),
        ({"file_bytes": "4 MB"}, "rows[0].file_bytes"),
        ({"file_bytes": True}, "rows[0].file_bytes"),
        ({"gmac": 10**400}, ""),
        ({"status": None}, "rows[0].status"),
        ({"data_sets": {}}, "rows[0].data_sets"),
        ({"remarks": [1]}, "rows[0].remarks"),
        ({"kernels": {"float32": -1}}, "rows[0].kernels"),
    ],
)
def test_read_bench_with_invalid_value_names_file_and_key(
    change: dict[str, object], path: str, tmp_path: Path
) -> None:
    file = tmp_path / "bench.json"
    file.write_bytes(changed_row(change))
    with pytest.raises(IncomparableError) as caught:
        read_bench(file)
    message = str(caught.value)
    assert str(file) in message and path in message and "\n" not in message


def test_decode_bench_with_two_rows_with_the_same_key_fails() -> None:
    with pytest.raises(ValueError, match="two rows"):
        decode_bench(make_record(make_row(), make_row()).to_json())


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "nonsense", '{"rows": []}', "[" * 100_000, '{"rows": NaN}', "\xff"]
)
def test_read_bench_of_another_file_fails_in_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(IncomparableError, match=r"bench\.json: not a benchmark"):
        read_bench(file)
    with pytest.raises(SystemSetupError, match=r"nowhere\.json: cannot be read"):
        read_bench(tmp_path / "nowhere.json")


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from(REQUIRED_KEYS), inner)
    ),
    max_leaves=10,
)


@given(st.sampled_from(REQUIRED_KEYS), values)
def test_decode_bench_with_any_value_reads_or_rejects_it(key: str, value: object) -> None:
    try:
        record = decode_bench(changed_row({key: value}))
    except ValueError:
        return
    assert decode_bench(record.to_json()) == record
