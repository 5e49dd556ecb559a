"""`edgeseg bench` on tiny models: what it records, and that a row that fails holds up no other."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.runtimes.onnx_profile import kernel_types
from edgeseg_benchmarks import runner
from edgeseg_benchmarks.record.bench import BenchRecord, read_bench
from edgeseg_benchmarks.record.row import BenchRow
from edgeseg_benchmarks.rows import BenchOptions
from edgeseg_benchmarks.runner import run_bench
from edgeseg_benchmarks.worker.affinity import fastest
from edgeseg_benchmarks.worker.client import RowError, WorkerProcess


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small photograph and matrix, one cold start: what is measured does not matter here."""
    monkeypatch.setattr(runner, "PHOTOGRAPH_SIZE", 256)
    monkeypatch.setattr(runner, "MATRIX_SIDE", 64)
    monkeypatch.setattr(runner, "COLD_STARTS", 1)


def _bench(order: BenchOptions) -> BenchRecord:
    return run_bench(order)


def _order(*models: Path, **more: object) -> BenchOptions:
    given = {"rounds": 2, "warmup": 1, "threads": (1,), "runtimes": ("onnxruntime",), **more}
    return BenchOptions(models=tuple(map(str, models)), **given)  # type: ignore[arg-type]


def _command(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["bench", *map(str, arguments)])


@pytest.fixture(scope="module")
def record(in_half: Path) -> BenchRecord:
    """FP32, FP16, a damaged file, a file that is not there, and a runtime that is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "PHOTOGRAPH_SIZE", 256)
        patch.setattr(runner, "MATRIX_SIDE", 64)
        patch.setattr(runner, "COLD_STARTS", 1)
        models = (
            in_half / "tiny.fp32.onnx",
            in_half / "damaged.fp32.onnx",
            in_half / "nowhere.onnx",
        )
        return _bench(_order(*models, precisions=("fp32", "fp16"), data=("synthetic:1",)))


def _of(record: BenchRecord, model: str, precision: str) -> BenchRow:
    return next(
        row for row in record.rows if (row.key.model, row.key.precision) == (model, precision)
    )


def test_a_row_holds_every_figure(record: BenchRecord) -> None:
    row = _of(record, "tiny", "fp32")
    assert (row.status, row.ratio_to_first, row.end_to_end_ratio_to_first) == ("ok", 1.0, 1.0)
    assert (row.size_px, row.key.threads, row.key.runtime) == (128, 1, "onnxruntime")
    assert list(row.stages_ms) == ["decode", "field_of_view", "preprocess", "infer", "postprocess"]
    assert row.network_ms is not None and row.end_to_end_ms is not None
    assert 0 < row.network_ms.min <= row.network_ms.p50 <= row.network_ms.p95
    assert row.end_to_end_ms.min > 0
    assert row.cold_start_ms and row.cold_start_ms > row.network_ms.min
    assert row.gmac and row.gflops == pytest.approx(2 * row.gmac / (row.network_ms.p50 / 1e3))
    assert row.gflops and row.share_of_peak == pytest.approx(row.gflops / record.peaks[1])
    if sys.platform == "linux":
        assert row.peak_rss_bytes and row.peak_rss_bytes > 20e6


def test_rows_that_fail_say_why_and_the_others_go_on(record: BenchRecord) -> None:
    assert [row.ok for row in record.rows] == [True, True, False, False, False, False]
    damaged = _of(record, "damaged", "fp32")
    assert "ONNX Runtime cannot load it" in damaged.status
    assert damaged.network_ms is None and damaged.cold_start_ms is None
    assert "no fp16 file" in _of(record, "damaged", "fp16").status
    assert "there is no such model" in _of(record, "nowhere", "fp32").status


def test_dice_is_that_of_evaluate_to_the_last_bit(record: BenchRecord, in_half: Path) -> None:
    arguments = [
        "evaluate",
        "--model",
        str(in_half / "tiny.fp32.onnx"),
        "--data",
        "synthetic:1",
        "--threads",
        "1",
    ]
    told = json.loads(
        CliRunner().invoke(cli, [*arguments, "--runtime", "onnxruntime", "--json"]).stdout
    )
    assert (
        json.loads(json.dumps(_of(record, "tiny", "fp32").to_dict()))["data_sets"]
        == told["data_sets"]
    )


def test_which_kernels_ran_is_told(record: BenchRecord, in_half: Path) -> None:
    assert set(_of(record, "tiny", "fp32").kernels) == {"float32"}
    half = _of(record, "tiny", "fp16")
    assert sum(half.kernels.values()) == sum(_of(record, "tiny", "fp32").kernels.values())
    if os.uname().machine == "x86_64":
        assert set(half.kernels) == {"float32"}  # an x86-64 CPU computes half precision in FP32
        assert any("no half-precision kernel" in remark for remark in half.remarks)
    assert kernel_types(in_half / "tiny.fp32.onnx", 1) == _of(record, "tiny", "fp32").kernels


@pytest.mark.usefixtures("quick_bounds")
def test_the_command_writes_every_file(in_half: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="--html needs matplotlib (extra 'bench')")
    files = {
        "--json": tmp_path / "b.json",
        "--csv": tmp_path / "b.csv",
        "--html": tmp_path / "b.html",
    }
    model = in_half / "tiny.fp32.onnx"
    result = _command(
        "--model", model, "--fp16", "--threads", 1, "--runs", 1, "--warmup", 0, "--runtime", "onnxruntime",
        "--data", "synthetic:1", "--figures", tmp_path / "new", *(a for pair in files.items() for a in pair),
    )  # fmt: skip
    assert "tiny fp16" in result.stdout
    read = read_bench(files["--json"])
    assert read.to_dict() == json.loads(files["--json"].read_text())
    assert (read.rows[0].key.model, read.rows[0].key.precision) == ("default", "fp32")
    assert len(list(csv.DictReader(files["--csv"].open()))) == len(read.rows)
    assert [bound.status for bound in read.bounds] == ["ok"] * 4
    page = files["--html"].read_text()
    assert "tiny fp16" in page and "cold start of `edgeseg run`" in page
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == [
        "latency_dice.png",
        "stages.png",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--threads", "0"], 2, "--threads"),
        (["--threads", "1,,2"], 2, "separated by commas"),
        (["--all", "--threads", "1,2"], 2, "one number of threads"),
        (["--runs", "0"], 2, "--runs"),
        (["--data", "kaggle:x"], 2, "drive:DIR"),
        (["--data", "drive:nowhere"], 7, "nowhere"),
        (["--data", "synthetic:1", "--data", "synthetic:2"], 2, "given 2 times"),
        (["--runtime", "tflite"], 2, "onnxruntime"),
        (["--json", "nowhere/bench.json"], 7, "its folder does not exist"),
    ],
)
def test_wrong_use_is_told_in_plain_words(arguments: list[str], code: int, said: str) -> None:
    result = _command(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_help_loads_nothing_heavy() -> None:
    probe = (
        "import sys; from edgeseg.cli import cli\n"
        "try: cli(['bench', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(','.join({'cv2', 'numpy', 'onnxruntime', 'torch', 'matplotlib'} & set(sys.modules)) or None)"
    )
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", probe], env=path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--reference" in done.stdout


def test_where_nothing_can_be_measured_the_exit_code_tells() -> None:
    result = _command("--model", "nosuch", "--runtime", "ncnn", "--runs", 1)
    if result.exit_code == 0:
        pytest.skip("ncnn is installed and works")
    assert result.exit_code == 6
    assert "there is no such model" in result.stdout


def test_nothing_is_imported_from_the_folder_at_hand(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "numpy", "onnxruntime"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a stranger was imported')")
    monkeypatch.chdir(tmp_path)
    (row,) = _bench(_order(tiny_model, rounds=1)).rows
    assert row.status == "ok"
    assert row.cold_start_ms and row.kernels


# Processes


def test_a_process_that_dies_or_takes_too_long_is_told(tiny_model: Path) -> None:
    process = WorkerProcess(60)
    request = {
        "do": "load",
        "file": str(tiny_model),
        "runtime": "nonsense",
        "threads": 1,
        "photographs": [],
    }
    with pytest.raises(RowError, match="nonsense"):
        process.ask(request)
    process._child.send_signal(signal.SIGKILL)
    with pytest.raises(RowError, match="SIGKILL"):
        process.ask(request)
    process.close()
    slow = WorkerProcess(0.001)
    with pytest.raises(RowError, match="no answer within"):
        slow.ask(request)
    assert slow._child.poll() is not None


def test_the_peak_is_the_best_of_five_whatever_the_rounds(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter((10.0, 20.0, 50.0, 30.0, 40.0))
    monkeypatch.setattr(
        runner._Peak, "turn", lambda peak: setattr(peak, "gflops", max(peak.gflops, next(found)))
    )
    record = _bench(_order(tiny_model, rounds=1))
    assert record.peaks == {1: 50.0}
    assert next(found, None) is None


def test_the_fastest_cores_come_first(tmp_path: Path) -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system pins no threads")
    usable = sorted(os.sched_getaffinity(0))
    last = tmp_path / f"sys/devices/system/cpu/cpu{usable[-1]}/cpufreq"
    last.mkdir(parents=True)
    (last / "cpuinfo_max_freq").write_text("2400000\n")
    assert fastest(1, tmp_path) == (usable[-1],)
    assert set(fastest(len(usable) + 5, tmp_path)) == set(usable)
