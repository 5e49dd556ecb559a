"""`edgeseg bench` as a command: files, exit codes, errors."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.device import DeviceInfo
from edgeseg.models import catalog
from edgeseg.runtimes import base
from edgeseg_benchmarks import rows, runner
from edgeseg_benchmarks.options import BenchOptions
from edgeseg_benchmarks.record import BenchRecord, BenchRow, RowKey, read_bench
from edgeseg_benchmarks.rows import RowSpec


def bench(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["bench", *map(str, arguments)])


@pytest.mark.slow
@pytest.mark.usefixtures("fast_bench")
def test_bench_writes_every_file(half_models: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="--html requires matplotlib (extra 'bench')")
    pytest.importorskip("jinja2", reason="--html requires jinja2 (extra 'html')")
    arguments: list[object] = ["--model", half_models / "tiny.fp32.onnx", "--fp16"]
    arguments += ["--threads", 1, "--runs", 1, "--warmup", 0, "--runtime", "onnxruntime"]
    arguments += ["--data", "synthetic:1", "--figures", tmp_path / "new"]
    for kind in ("json", "csv", "html"):
        arguments += [f"--{kind}", tmp_path / f"b.{kind}"]
    result = bench(*arguments)
    assert result.exit_code == 6, result.output  # there is no tiny.fp16w.onnx
    assert "tiny fp16" in result.stdout
    record = read_bench(tmp_path / "b.json")
    content = json.loads((tmp_path / "b.json").read_text())
    assert json.loads(record.to_json()) == content
    assert "bounds" not in content
    assert (record.rows[0].model, record.rows[0].precision) == ("default", "fp32")
    with (tmp_path / "b.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == len(record.rows)
    assert "tiny fp16" in (tmp_path / "b.html").read_text()
    names = sorted(file.name for file in (tmp_path / "new").iterdir())
    assert names == ["latency_dice.png", "stages.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (["--threads", "0"], 2, "--threads"),
        (["--threads", "1,,2"], 2, "--threads"),
        (["--all", "--threads", "1,2"], 2, "--all"),
        (["--runs", "0"], 2, "--runs"),
        (["--data", "kaggle:x"], 2, "kaggle"),
        (["--data", "drive:nowhere"], 7, "nowhere"),
        (["--data", "synthetic:1", "--data", "synthetic:2"], 2, "synthetic"),
        (["--runtime", "tflite"], 2, "onnxruntime"),
        (["--no-bounds"], 2, "--no-bounds"),
        (["--json", "nowhere/bench.json"], 7, "nowhere/bench.json"),
    ],
)
def test_bench_with_wrong_usage_exits_with_code_and_message(
    arguments: list[str], code: int, fragment: str
) -> None:
    result = bench(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert fragment in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("package", "extra"), [("jinja2", "html"), ("matplotlib", "bench")])
def test_bench_html_without_extra_names_the_extra(
    package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "find_spec", lambda name: None if name == package else name)
    result = bench("--html", "bench.html")
    assert result.exit_code == 7
    assert f"pip install '.[{extra}]'" in result.stderr


def test_bench_help_loads_no_large_module() -> None:
    heavy = {"cv2", "numpy", "onnxruntime", "torch", "matplotlib", "jinja2"}
    probe = (
        "import sys; from edgeseg.cli import cli\n"
        "try: cli(['bench', '--help'])\n"
        "except SystemExit: pass\n"
        f"sys.exit(','.join({heavy} & set(sys.modules)) or None)"
    )
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", probe], env=path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--reference" in done.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("fast_bench")
def test_bench_without_any_measured_row_exits_with_6(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "MODEL_FOLDER", tmp_path)
    monkeypatch.setattr(rows, "MODEL_FOLDER", tmp_path)
    result = bench("--model", "nosuch", "--runtime", "onnxruntime", "--runs", 1)
    assert result.exit_code == 6
    assert "nosuch" in result.stdout


@pytest.mark.parametrize("name", ["detail", "resunet-deeper", "nosuch"])
def test_bench_with_failed_model_exits_with_6_only_if_it_was_given(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(options: BenchOptions, _: object) -> BenchRecord:
        specs = [*rows.select_rows(options), RowSpec(RowKey(name, "fp16", "onnxruntime", 1), None)]
        row = BenchRow("default", "fp32", "onnxruntime", 1)
        failed = [BenchRow(*spec.key, status="failed") for spec in specs]
        return BenchRecord(DeviceInfo(), {}, (row, *failed[1:]))

    monkeypatch.setattr(runner, "run_bench", run)
    (tmp_path / f"{name}.fp32.onnx").write_bytes(b"damaged")
    assert bench("--threads", 1).exit_code == 0
    assert bench("--threads", 1, "--model", tmp_path / f"{name}.fp32.onnx").exit_code == 6


@pytest.mark.parametrize("runtime", ["openvino", "ncnn"])
def test_bench_with_missing_runtime_exits_with_7(
    runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "find_spec", lambda _: None)
    monkeypatch.setattr(base, "find_spec", lambda _: None)
    result = bench("--runtime", runtime)
    assert (result.exit_code, result.stdout) == (7, "")
    assert runtime in result.stderr
