"""`edgeseg gate` as a command, with the shipped model and with damaged models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from edgeseg.cli import cli
from edgeseg.console import ShowProgress
from edgeseg.evaluation.scores import DataSetScores
from edgeseg.models.catalog import MODEL_FOLDER, SHIPPED_MODELS
from edgeseg.models.checksum import append_checksum
from edgeseg_benchmarks import runner
from edgeseg_benchmarks.options import BenchOptions
from edgeseg_benchmarks.record import BenchRecord, BenchRow, read_bench

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow

SHIPPED_FILE = MODEL_FOLDER / f"{SHIPPED_MODELS['default']}.fp32.onnx"


@pytest.fixture(scope="module", autouse=True)
def small_bench() -> Iterator[None]:
    """Use a small photograph, a small matrix and one cold start, because no test measures time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "PHOTOGRAPH_SIZE", 256)
        patch.setattr(runner, "MATRIX_SIDE", 64)
        patch.setattr(runner, "COLD_STARTS", 1)
        yield


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy of a shipped model file with another name."""
    file = tmp_path_factory.mktemp("own") / "mine.fp32.onnx"
    file.write_bytes(SHIPPED_FILE.read_bytes())
    return file


@pytest.fixture(scope="module")
def baseline(candidate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    order = BenchOptions(
        models=(str(candidate),), threads=(1,), data=("synthetic:1",), rounds=1, warmup=0
    )
    return save(runner.run_bench(order), tmp_path_factory.mktemp("baseline") / "baseline.json")


def save(record: BenchRecord, file: Path) -> Path:
    file.write_bytes(record.to_json())
    return file


def gate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["gate", *map(str, arguments)], env={"GITHUB_STEP_SUMMARY": ""})


def data_sets(record: BenchRecord) -> list[tuple[DataSetScores, ...]]:
    return [row.data_sets for row in record.rows]


def changed(baseline: Path, file: Path, change: Callable[[BenchRow], BenchRow]) -> Path:
    """Write the baseline with a second, changed row."""
    record = read_bench(baseline)
    second = replace(record.rows[0], precision="fp16", ratio_to_first=0.9)
    return save(replace(record, rows=(record.rows[0], change(second))), file)


def test_gate_passes_shipped_model_with_identical_dice(
    baseline: Path, candidate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[BenchRecord] = []
    run_bench = runner.run_bench

    def run_and_record(options: BenchOptions, show: ShowProgress) -> BenchRecord:
        measured.append(run_bench(options, show))
        return measured[-1]

    monkeypatch.setattr(runner, "run_bench", run_and_record)
    done = gate(baseline, "--model", candidate)
    assert done.exit_code == 0, done.output
    assert "gate passed: 3 ok" in done.stdout
    assert "+0.0000" in done.stdout
    assert data_sets(measured[0]) == data_sets(read_bench(baseline))
    assert data_sets(measured[0])[0][0].scored


def bytes_without_checksum(model: Any) -> bytes:
    for index, entry in enumerate(model.metadata_props):
        if entry.key == "edgeseg.file_sha256":
            del model.metadata_props[index]
            break
    data: bytes = model.SerializeToString()
    return data


def test_gate_fails_for_damaged_weights(baseline: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="damaging weights needs onnx (extra 'export')")
    model = onnx.load(SHIPPED_FILE)
    noise = np.random.default_rng(0)
    for weights in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.ndim == 4:
            spoilt = values + noise.normal(0, 0.3 * values.std(), values.shape).astype(values.dtype)
            weights.CopyFrom(onnx.numpy_helper.from_array(spoilt, weights.name))
    (tmp_path / "mine.fp32.onnx").write_bytes(append_checksum(bytes_without_checksum(model)))
    done = gate(baseline, "--model", tmp_path / "mine.fp32.onnx")
    assert done.exit_code == 4, done.output
    assert "Dice synthetic" in done.stderr and "file size" not in done.stderr


def test_gate_fails_for_a_larger_file(baseline: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="changing the file needs onnx (extra 'export')")
    # Append an unknown field of 100 KB to a model file.
    padding = bytes([0xAA, 0x06, 0xA0, 0x8D, 0x06]) + bytes(100_000)
    larger = tmp_path / "mine.fp32.onnx"
    content = bytes_without_checksum(onnx.load(SHIPPED_FILE))
    larger.write_bytes(append_checksum(content + padding))
    done = gate(baseline, "--model", larger)
    assert done.exit_code == 4, done.output
    assert f"file size {SHIPPED_FILE.stat().st_size / 1e6:.3f} MB" in done.stderr
    assert "limit +2.0%" in done.stderr and "Dice" not in done.stderr


def test_gate_with_larger_size_limit_passes_larger_file(baseline: Path, tmp_path: Path) -> None:
    size = SHIPPED_FILE.stat().st_size
    before = changed(baseline, tmp_path / "before.json", lambda row: row)
    now = changed(
        baseline, tmp_path / "now.json", lambda row: replace(row, file_bytes=round(1.025 * size))
    )
    assert gate(before, now).exit_code == 4
    assert gate(before, now, "--max-size-growth", "3%").exit_code == 0


def test_gate_fails_for_a_truncated_file(baseline: Path, tmp_path: Path) -> None:
    cut, summary = tmp_path / "mine.fp32.onnx", tmp_path / "summary.md"
    cut.write_bytes(SHIPPED_FILE.read_bytes()[:100_000])
    done = gate(baseline, "--model", cut, "--summary", summary)
    assert done.exit_code == 4, done.output
    assert "mine fp32 onnxruntime 1 thread: row ok -> failed" in done.stderr
    assert "**worse**" in summary.read_text()
    assert gate(baseline, "--model", tmp_path / "nowhere.fp32.onnx").exit_code == 6
    assert gate(baseline).exit_code == 2


def test_gate_with_unwritable_summary_reports_both(
    baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = changed(baseline, tmp_path / "now.json", lambda row: replace(row, file_bytes=10**9))
    same = changed(baseline, tmp_path / "before.json", lambda row: row)
    elsewhere = {"GITHUB_STEP_SUMMARY": str(tmp_path / "nowhere" / "step.md")}
    for now, code, fragment in ((larger, 4, "file size"), (same, 7, "GITHUB_STEP_SUMMARY")):
        done = CliRunner().invoke(cli, ["gate", str(same), str(now)], env=elsewhere)
        assert (done.exit_code, fragment in done.stderr) == (code, True)
    monkeypatch.setattr(
        runner, "run_bench", lambda *_: pytest.fail("measured without a place for the summary")
    )
    done = gate(baseline, "--model", SHIPPED_FILE, "--summary", tmp_path / "nowhere" / "summary.md")
    assert done.exit_code == 7


def test_gate_rejects_two_files_with_the_same_name(
    baseline: Path, candidate: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.int8.onnx").write_bytes(
        (MODEL_FOLDER / f"{SHIPPED_MODELS['default']}.int8.onnx").read_bytes()
    )
    done = gate(baseline, "--model", candidate, "--model", tmp_path / "mine.int8.onnx")
    assert done.exit_code == 2 and "mine.int8.onnx" in done.stderr


def test_gate_fails_for_a_slower_row(baseline: Path, tmp_path: Path) -> None:
    before = changed(baseline, tmp_path / "before.json", lambda row: row)
    now = changed(baseline, tmp_path / "now.json", lambda row: replace(row, ratio_to_first=1.8))
    done = gate(before, now, "--max-latency-ratio", "1.5")
    assert done.exit_code == 4
    assert "network time over mine fp32 x0.90 -> x1.80 (x2.00, limit x1.50)" in done.stderr
    assert "Dice" not in done.stderr and "file size" not in done.stderr
    assert gate(before, now).exit_code == 0


def test_gate_fails_for_more_memory(baseline: Path, tmp_path: Path) -> None:
    before = changed(baseline, tmp_path / "before.json", lambda row: row)
    now = changed(
        baseline,
        tmp_path / "now.json",
        lambda row: replace(row, peak_rss_bytes=2 * (row.peak_rss_bytes or 0)),
    )
    done = gate(before, now, "--max-memory-ratio", "1.5")
    assert done.exit_code == 4 and "memory over mine fp32" in done.stderr


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (lambda row: replace(row, size_px=512), "512"),
        (lambda row: replace(row, precision="int8"), "int8"),
        (lambda row: replace(row, data_sets=()), "none"),
    ],
)
def test_gate_exits_with_5_if_rows_cannot_be_compared(
    baseline: Path, tmp_path: Path, change: Callable[[BenchRow], BenchRow], fragment: str
) -> None:
    before = changed(baseline, tmp_path / "before.json", lambda row: row)
    done = gate(before, changed(baseline, tmp_path / "now.json", change))
    assert done.exit_code == 5
    assert fragment in done.stderr and done.stderr.count("\n") == 1


def test_gate_with_another_file_exits_with_5_or_7(baseline: Path, tmp_path: Path) -> None:
    assert gate(tmp_path / "nowhere.json").exit_code == 7
    (tmp_path / "no.json").write_text('{"rows": [NaN]}')
    for arguments in ((tmp_path / "no.json",), (baseline, tmp_path / "no.json")):
        done = gate(*arguments)
        assert done.exit_code == 5
        assert "no.json" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--max-size-growth", "2"],
        ["--max-size-growth", "nan"],
        ["--max-size-growth", "-1%"],
        ["--max-dice-drop", "nan"],
        ["--max-latency-ratio", "0"],
        ["--data", "drive:nowhere"],
        ["--model", str(MODEL_FOLDER / "lean-detail.fp32.onnx")],
    ],
)
def test_gate_with_wrong_usage_exits_with_2(
    baseline: Path, candidate: Path, arguments: list[str]
) -> None:
    done = gate(baseline, "--model", candidate, *arguments)
    assert done.exit_code == 2, done.output


def test_gate_with_current_file_measures_nothing(baseline: Path) -> None:
    assert gate(baseline, baseline).exit_code == 0
    assert gate(baseline, baseline, "--data", "synthetic:1").exit_code == 2


def test_committed_baseline_describes_the_shipped_files() -> None:
    record = read_bench(ROOT / "benchmarks" / "baseline.json")
    keys = {(row.model, row.precision) for row in record.rows}
    files = {
        (name, file.name.split(".")[1]): file
        for name, stem in SHIPPED_MODELS.items()
        for file in MODEL_FOLDER.glob(f"{stem}.*.onnx")
    }
    assert keys == set(files), "run `make baseline`"
    for row in record.rows:
        assert row.ok
        assert row.runtime == "onnxruntime"
        assert row.file_bytes == files[row.model, row.precision].stat().st_size, (
            "run `make baseline`"
        )
        assert {(each.name, len(each.photographs)) for each in row.data_sets} >= {
            ("drive", 20),
            ("stare", 20),
        }
        assert "synthetic" in {each.name for each in row.data_sets}
