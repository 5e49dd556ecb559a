"""`edgeseg doctor`: diagnosis, and failures of a runtime."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.commands.doctor import command, runtime_checks
from edgeseg.device import DeviceInfo
from edgeseg.models.catalog import MODEL_FOLDER, SHIPPED_MODELS
from edgeseg.models.selection import resolve_model
from edgeseg.runtimes import base
from edgeseg.runtimes.base import resolve_runtime

MODEL = MODEL_FOLDER / f"{SHIPPED_MODELS['default']}.fp32.onnx"

FakeWorker = Callable[[str], None]


@pytest.fixture
def fake_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorker:
    """Replace the worker with a script. Its arguments are kind, name, model and output."""

    def replace(body: str) -> None:
        script = tmp_path / "python"
        lines = [
            f"#!{sys.executable}",
            "import os, signal, sys, time, json",
            "import numpy as np",
            "argv = sys.argv[5:]",
            body,
        ]
        script.write_text("\n".join(lines) + "\n")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))

    return replace


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *arguments])


@pytest.mark.slow
def test_doctor_json_reports_selection_and_working_runtime() -> None:
    done = doctor("--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert list(report) == ["device", "versions", "runtimes", "providers", "choice", "warnings"]
    selected = resolve_model("default", "auto", set(report["device"]["features"]))
    choice = report["choice"]
    assert list(choice) == ["model", "file", "precision", "runtime", "threads", "reason"]
    assert choice["file"] == str(selected.path)
    assert choice["precision"] == selected.card.precision
    assert choice["runtime"] == resolve_runtime("auto")
    assert choice["reason"]
    assert report["runtimes"][0]["works"]
    assert report["providers"][0]["name"] == "CPUExecutionProvider"
    assert report["providers"][0]["works"]
    assert {"edgeseg", "python", "numpy", "onnxruntime"} <= set(report["versions"])


@pytest.mark.slow
def test_check_of_provider_that_falls_back_to_cpu_fails() -> None:
    (check,) = runtime_checks._run_checks("provider", ["NoSuchExecutionProvider"], MODEL)
    assert not check
    assert "CPUExecutionProvider" in check.note or "NoSuch" in check.note


def test_doctor_without_working_runtime_prints_table_and_exits_with_7(
    fake_worker: FakeWorker,
) -> None:
    fake_worker("sys.exit('RuntimeError: no such device')")
    done = doctor()
    headings = ("CPU", "cores", "half precision", "memory", "system", "versions", "selected model")
    for text in (*headings, "DOES NOT WORK", "no such device"):
        assert text in done.stdout
    assert done.exit_code == 7
    assert len(done.stderr.splitlines()) == 1


def test_doctor_lists_missing_runtime_without_checking_it(
    fake_worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (base, command):
        monkeypatch.setattr(module, "installed_runtimes", lambda: ("onnxruntime",))
    fake_worker("np.save(argv[3], np.zeros((4, 4))); print('{}')")
    openvino = json.loads(doctor("--json").stdout)["runtimes"][1]
    assert list(openvino) == ["name", "works", "note", "installed"]
    assert (openvino["name"], openvino["works"], openvino["installed"]) == (
        "openvino",
        False,
        False,
    )
    assert "pip install" in openvino["note"]
    lines = doctor().stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("runtime openvino")]
    assert line.endswith(openvino["note"])


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ("os.kill(os.getpid(), signal.SIGILL)", "SIGILL); its package"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("sys.exit('trace\\nImportError: libcudnn.so.9')", "ImportError: libcudnn.so.9"),
        ("sys.exit(3)", "exit code 3"),
        ("print('{}')", "output.npy"),
        ("np.save(argv[3], np.full((4, 4), np.nan)); print('{}')", "NaN"),
        ("print('nonsense'); np.save(argv[3], np.zeros((4, 4)))", "JSON"),
    ],
)
def test_check_of_failing_runtime_notes_reason_in_one_line(
    fake_worker: FakeWorker, body: str, note: str
) -> None:
    fake_worker(body)
    (check,) = runtime_checks.check_runtimes(["output"], MODEL)
    assert not check
    assert note in check.note and "\n" not in check.note


def test_check_of_hanging_runtime_times_out(
    fake_worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_checks, "TIMEOUT_S", 1)
    fake_worker("time.sleep(60)")
    (check,) = runtime_checks.check_runtimes(["slow"], MODEL)
    assert not check and "1 s" in check.note


def test_check_of_runtime_with_different_mask_fails(fake_worker: FakeWorker) -> None:
    fake_worker("np.save(argv[3], np.full((4, 4), 0.9 if argv[1] == 'c' else 0.1)); print('{}')")
    a, b, c = runtime_checks.check_runtimes(["a", "b", "c"], MODEL)
    assert a and b
    assert not c and "100.00%" in c.note


def test_check_of_runtime_is_not_compared_with_a_nan_result(fake_worker: FakeWorker) -> None:
    fake_worker("np.save(argv[3], np.full((4, 4), np.nan if argv[1] == 'a' else 1)); print('{}')")
    a, b, c = runtime_checks.check_runtimes(["a", "b", "c"], MODEL)
    assert not a and "NaN" in a.note
    assert b and c


def test_check_of_runtime_with_equal_mask_and_other_probability_passes(
    fake_worker: FakeWorker,
) -> None:
    # Probabilities differ by up to 0.15, as with BF16 in OpenVINO, but the masks are equal.
    fake_worker("np.save(argv[3], np.full((4, 4), 0.95 if argv[1] == 'b' else 0.8)); print('{}')")
    assert all(runtime_checks.check_runtimes(["a", "b"], MODEL))


def test_doctor_warns_if_selected_runtime_fails(
    fake_worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (base, command):
        monkeypatch.setattr(module, "installed_runtimes", lambda: ("openvino", "onnxruntime"))
    fake_worker(
        "argv[1] == 'openvino' and sys.exit('broken')\n"
        "np.save(argv[3], np.zeros((4, 4))); print('{}')"
    )
    report = json.loads(doctor("--json").stdout)
    assert report["choice"]["runtime"] is None
    assert any("--runtime onnxruntime" in warning for warning in report["warnings"])


def test_check_providers_with_broken_wheel_reports_the_cpu(fake_worker: FakeWorker) -> None:
    fake_worker("os.kill(os.getpid(), signal.SIGILL)")
    (check,) = runtime_checks.check_providers(MODEL)
    assert check.name == "CPUExecutionProvider"
    assert not check and "SIGILL" in check.note


def test_doctor_warns_about_32_bit_python(
    monkeypatch: pytest.MonkeyPatch, fake_worker: FakeWorker
) -> None:
    fake_worker("sys.exit('No module named onnxruntime')")
    board = DeviceInfo(board="Raspberry Pi 3", machine="armv7l", bits=32, cores=4)
    monkeypatch.setattr(command, "describe_device", lambda: board)
    report = json.loads(doctor("--json").stdout)
    assert any("32-bit" in warning for warning in report["warnings"])
    done = doctor()
    assert "Raspberry Pi 3" in done.stdout and "WARNING" in done.stdout


def test_doctor_with_missing_model_exits_with_6() -> None:
    assert doctor("--model", "nowhere.onnx").exit_code == 6


@pytest.mark.slow
def test_doctor_ignores_modules_in_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('wrong module imported')")
    (tmp_path / "mine.fp32.onnx").write_bytes(MODEL.read_bytes())
    monkeypatch.chdir(tmp_path)
    done = doctor("--model", "mine.fp32.onnx", "--json")
    assert done.exit_code == 0, done.output


def test_doctor_warns_about_two_builds_of_onnx_runtime(
    fake_worker: FakeWorker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_worker("np.save(argv[3], np.zeros((4, 4))); print('{}')")
    assert not [text for text in json.loads(doctor("--json").stdout)["warnings"] if "gpu" in text]
    folder = tmp_path / "onnxruntime_gpu-1.20.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: onnxruntime-gpu\nVersion: 1.20.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    (warning,) = [text for text in json.loads(doctor("--json").stdout)["warnings"] if "gpu" in text]
    assert "onnxruntime-gpu 1.20.0" in warning
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in warning


def test_check_providers_skips_remote_provider(fake_worker: FakeWorker) -> None:
    fake_worker(
        "names = ['AzureExecutionProvider', 'CPUExecutionProvider']\n"
        "if argv == ['list']: print(json.dumps({'providers': names})); sys.exit()\n"
        "np.save(argv[3], np.zeros((4, 4))); print('{}')"
    )
    (check,) = runtime_checks.check_providers(MODEL)
    assert check.name == "CPUExecutionProvider"
    assert check
