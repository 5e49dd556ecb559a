"""The bounds that a bench shows of its first row."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from edgeseg.imaging.photo import encode_png, read_photo
from edgeseg.synthetic import generate_photo
from edgeseg_benchmarks import runner, yardsticks
from edgeseg_benchmarks.bounds import bounds, large, small
from edgeseg_benchmarks.record.bound import Bound
from edgeseg_benchmarks.record.row import RowKey
from edgeseg_benchmarks.rows import BenchOptions, RowSpec
from edgeseg_benchmarks.worker.client import RowError

NAMES = [
    "what is not the network",
    "cold start of `edgeseg run`",
    "memory of `edgeseg run`",
    "`edgeseg --help`",
]


pytestmark = pytest.mark.usefixtures("quick_bounds")


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    file = tmp_path / "fundus.png"
    file.write_bytes(encode_png(generate_photo(1, 256).photo))
    return file


@pytest.fixture
def candidate(tiny_model: Path) -> RowSpec:
    return RowSpec(RowKey("tiny", "fp32", "onnxruntime", 1), tiny_model)


def test_all_are_measured_with_the_rows_file_in_other_processes(
    candidate: RowSpec, drawn: Path
) -> None:
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    said: list[str] = []
    found = bounds(candidate, drawn, 60, said.append)
    assert [bound.name for bound in found] == NAMES
    assert [bound.status for bound in found] == ["ok"] * 4
    assert [bound.unit for bound in found] == ["ratio", "ratio", "bytes", "ratio"]
    assert all(bound.value and bound.cost and bound.yardstick for bound in found)
    assert (
        "100x100, by the fp32 file" in found[1].note
        and "360x240, by the fp32 file" in found[2].note
    )
    assert len(said) == 4
    assert cores is None or os.sched_getaffinity(0) == cores


def test_one_that_fails_says_why_and_the_others_go_on(
    candidate: RowSpec, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Bound:
        raise RowError("no memory")

    monkeypatch.setattr(yardsticks, "memory", fail)
    frame, start, memory, usage = bounds(replace(candidate, file=Path("nowhere.onnx")), drawn, 60)
    assert "no such model" in frame.status
    assert "`edgeseg run` failed" in start.status
    assert (memory.status, memory.value, memory.reached) == ("no memory", None, False)
    assert usage.status == "ok"


def test_without_room_for_its_photographs_it_keeps_what_it_can_measure(
    candidate: RowSpec, drawn: Path
) -> None:
    for name in ("small.png", "large.jpg"):
        drawn.with_name(name).mkdir()  # cannot be written, like a file on a full disk
    frame, start, memory, usage = bounds(candidate, drawn, 60)
    assert (frame.status, usage.status) == ("ok", "ok")
    assert (
        "small.png: cannot be written" in start.status
        and "large.jpg: cannot be written" in memory.status
    )


def test_a_runtime_that_run_does_not_know_has_none(candidate: RowSpec, drawn: Path) -> None:
    assert bounds(replace(candidate, key=replace(candidate.key, runtime="ncnn")), drawn, 60) == ()


def test_a_small_and_a_large_photograph_are_made_of_the_drawn_one(drawn: Path) -> None:
    photo = read_photo(large(drawn))
    assert (read_photo(small(drawn)).shape, photo.shape) == ((100, 100, 3), (240, 360, 3))
    middle, corner = photo[120, 180], photo[0, 0]
    assert middle[0] > middle[2] and int(corner.max()) < int(middle[0])  # RGB: a fundus is red


def test_a_bench_has_those_of_its_first_row_and_only_where_they_are_asked_for(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[RowKey] = []

    def told(candidate: RowSpec, *_: object) -> tuple[Bound, ...]:
        asked.append(candidate.key)
        return (Bound("a", "b", "ratio", 2.0, 1.0, 1.0, 1.0),)

    monkeypatch.setattr(runner, "bounds", told)
    monkeypatch.setattr(runner, "PHOTOGRAPH_SIZE", 256)
    monkeypatch.setattr(runner, "MATRIX_SIDE", 64)
    monkeypatch.setattr(runner, "COLD_STARTS", 1)
    order = BenchOptions(
        (str(tiny_model),), threads=(1,), runtimes=("onnxruntime",), rounds=1, warmup=1
    )
    assert runner.run_bench(order).bounds == ()
    record = runner.run_bench(replace(order, bounds=True))
    assert (len(record.bounds), asked) == (1, [record.rows[0].key])
    failed = runner.run_bench(replace(order, bounds=True, models=("nowhere.onnx", str(tiny_model))))
    assert failed.bounds == ()
