from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.device import DeviceInfo
from edgeseg.errors import EdgesegError, IncomparableError, SystemSetupError
from edgeseg.evaluation.scores import DataSetScores, PhotographScores, Scores
from edgeseg_benchmarks.record.bench import BenchRecord, read_bench
from edgeseg_benchmarks.record.bound import Bound
from edgeseg_benchmarks.record.row import BenchRow, Latency, RowKey

GOOD = Scores(0.8, 2 / 3, 0.95, 0.75, 0.98, 0.97)
LATENCY = Latency(30.5, 31.0, 32.25, 30.0)
START = Bound("start", "imports", "ratio", 1.6, 1.5, 300.5, 200.25, "a drawn photograph")
MEMORY = Bound("memory", "imports", "bytes", 120e6, 110e6, 175e6, 65e6)
CONTRACT = (
    "model", "precision", "runtime", "threads", "size_px", "file_bytes", "network_ms", "end_to_end_ms", "stages_ms",
    "cold_start_ms", "peak_rss_bytes", "gmac", "ratio_to_first", "data_sets", "status",
)  # fmt: skip


def _drive(dice: float) -> tuple[DataSetScores, ...]:
    photographs = (
        PhotographScores.from_scores("01", msgspec.structs.replace(GOOD, dice=dice)),
        PhotographScores("02", status="02: cut off"),
    )
    return (DataSetScores("drive", "test", photographs),)


def _row(precision: str = "fp32", dice: float = 0.8, runtime: str = "onnxruntime") -> BenchRow:
    return BenchRow(
        RowKey("default", precision, runtime, 2), 896, 4_000_000, LATENCY, LATENCY, {"infer": 30.5}, 400.0, 150_000_000,
        7.3, 1.0, _drive(dice), kernels={"float32": 17}, remarks=("as it is",),
    )  # fmt: skip


def _bench(*rows: BenchRow) -> BenchRecord:
    return BenchRecord(
        DeviceInfo(cpu="Cortex-A76", bits=64),
        {"edgeseg": "0.1.0"},
        rows,
        "3 drawn",
        9,
        {2: 88.5},
        ("busy",),
    )


def test_json_holds_the_contract_and_is_read_back_as_it_was(tmp_path: Path) -> None:
    failed = BenchRow(RowKey("default", "int8", "openvino", 2), status="not installed")
    bench = _bench(_row(), _row("fp16", 0.79), failed)
    told = bench.to_dict()
    assert list(told)[:3] == ["device", "versions", "rows"]
    assert tuple(json.loads(json.dumps(told))["rows"][0])[: len(CONTRACT)] == CONTRACT
    file = tmp_path / "bench.json"
    file.write_text(json.dumps(told, allow_nan=False))
    assert read_bench(file) == bench
    figures = {key: told["rows"][2][key] for key in CONTRACT[4:13]}  # type: ignore[index]
    assert set(figures.values()) == {None}


def test_bounds_are_read_back_and_may_be_missing(tmp_path: Path) -> None:
    failed = replace(START, value=None, cost=None, yardstick=None, status="it died")
    bench = replace(_bench(_row()), bounds=(START, MEMORY, failed))
    told = json.loads(json.dumps(bench.to_dict(), allow_nan=False))
    assert told["bounds"][0]["yardstick_ms"] == 200.25
    assert told["bounds"][1]["yardstick_bytes"] == 65e6
    assert BenchRecord.from_dict(told) == bench
    del told["bounds"]
    assert BenchRecord.from_dict(told) == _bench(_row())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unit": "ms"}, "bounds[0].unit: expected one of ratio, bytes"),
        ({"aim": None}, "bounds[0].aim"),
        ({"cost_ms": -1}, "bounds[0].cost_ms"),
        ({"value": None}, "bounds[0]: its status is ok, but value"),
        ({"unit": "bytes"}, "cost_bytes or yardstick_bytes is null"),
        ({"name": "a\x1b[31m"}, "bounds[0].name"),
        ({"value": "1.5"}, "bounds[0].value: expected a number"),
    ],
)
def test_a_bound_that_makes_no_sense_is_told_by_its_place(
    change: dict[str, object], said: str
) -> None:
    told = {**_bench(_row()).to_dict(), "bounds": [{**START.to_dict(), **change}]}
    with pytest.raises(ValueError) as caught:
        BenchRecord.from_dict(told)
    assert said in str(caught.value)


def test_a_bound_is_reached_up_to_its_aim() -> None:
    assert START.reached and replace(START, value=1.6).reached
    assert not replace(START, value=1.601).reached and not replace(START, value=None).reached


def test_the_contracts_keys_are_enough(tmp_path: Path) -> None:
    row = {key: value for key, value in _row().to_dict().items() if key in CONTRACT}
    bench = BenchRecord.from_dict({"device": {}, "versions": {}, "rows": [row]})
    assert bench.rows[0] == replace(_row(), kernels={}, remarks=())


def test_a_drop_is_against_onnx_runtimes_fp32_of_the_same_model() -> None:
    bench = _bench(_row(runtime="openvino", dice=0.5), _row(), _row("int8", 0.7))
    assert bench.dice_drops(bench.rows[2]) == {"drive test": pytest.approx(0.1)}
    assert bench.dice_drops(bench.rows[1]) == {}
    assert _bench(_row("int8")).dice_drops(_row("int8")) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"threads": 0}, "rows[0].threads"),
        ({"threads": 1.5}, "whole number"),
        ({"threads": 10**9}, "rows[0].threads: expected a number from 1 to 1024"),
        ({"precision": "auto"}, "rows[0].precision: expected one of fp32, fp16, fp16w, int8"),
        ({"runtime": "auto"}, "rows[0].runtime: expected one of onnxruntime, openvino, ncnn"),
        ({"network_ms": {"p50": -1, "p90": 1, "p95": 1, "min": 1}}, "rows[0].network_ms.p50"),
        ({"network_ms": {"p50": 1}}, "rows[0].network_ms.p90: found nothing"),
        ({"network_ms": None}, "status is ok"),
        ({"file_bytes": "4 MB"}, "rows[0].file_bytes: expected a number"),
        ({"file_bytes": True}, "rows[0].file_bytes"),
        ({"gmac": 10**400}, "rows[0].gmac"),
        ({"model": "a\x1b[31m"}, "rows[0].model"),
        ({"status": None}, "rows[0].status"),
        ({"data_sets": {}}, "rows[0].data_sets: expected a list"),
        ({"remarks": [1]}, "rows[0].remarks.0"),
        ({"kernels": {"float32": -1}}, "rows[0].kernels.float32"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_place(
    change: dict[str, object], said: str, tmp_path: Path
) -> None:
    row = {**_row().to_dict(), **change}
    file = tmp_path / "bench.json"
    file.write_text(json.dumps({"device": {}, "versions": {}, "rows": [row]}))
    with pytest.raises(IncomparableError) as caught:
        read_bench(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mean_that_is_none_is_refused() -> None:
    told = json.loads(json.dumps(_bench(_row()).to_dict()))
    told["rows"][0]["data_sets"][0]["dice_mean"] = 0.9
    with pytest.raises(
        ValueError, match=r"rows\[0\].data_sets\[0\].dice_mean: 0.9 is not the mean"
    ):
        BenchRecord.from_dict(told)


def test_two_rows_of_one_thing_are_refused() -> None:
    with pytest.raises(ValueError, match="comes twice"):
        BenchRecord.from_dict(_bench(_row(), _row()).to_dict())


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "nonsense", '{"rows": []}', "[" * 100_000, '{"rows": NaN}', "\xff"]
)
def test_what_is_no_bench_is_told_in_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(IncomparableError, match="is no bench"):
        read_bench(file)
    with pytest.raises(SystemSetupError, match="cannot be read"):
        read_bench(tmp_path / "nowhere.json")


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(CONTRACT), inner)
    ),
    max_leaves=10,
)


@given(st.sampled_from(CONTRACT), values)
def test_whatever_stands_in_a_row_it_is_read_or_refused(key: str, value: object) -> None:
    row = {**_row().to_dict(), key: value}
    try:
        read = BenchRecord.from_dict({"device": {}, "versions": {}, "rows": [row]})
    except (ValueError, EdgesegError) as error:
        assert str(error).isprintable()
    else:
        json.dumps(read.to_dict(), allow_nan=False)
