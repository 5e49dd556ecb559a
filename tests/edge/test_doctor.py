"""`edgeseg doctor`: what it tells of this machine, and of runtimes that fail in every way they can."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from edgeseg import device
from edgeseg.cli import cli
from edgeseg.commands.doctor import check_worker, runtime_checks
from edgeseg.device import DeviceInfo
from edgeseg.models import MODEL_FOLDER, SHIPPED_MODELS
from edgeseg.models.catalog import resolve_model
from edgeseg.runtimes import base
from edgeseg.runtimes.base import resolve_runtime

MODEL = MODEL_FOLDER / f"{SHIPPED_MODELS['default']}.fp32.onnx"

Stand = Callable[[str], None]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Puts a script in the place of the Python that makes the attempts; argv: kind, name, model, output."""

    def put(body: str) -> None:
        script = tmp_path / "python"
        lines = [
            "import os, signal, sys, time, json",
            "import numpy as np",
            "argv = sys.argv[3:]",
            body,
        ]
        script.write_text(f"#!{sys.executable}\n" + "\n".join(lines) + "\n")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))

    return put


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *arguments])


def test_json_tells_what_run_would_take_and_that_it_works() -> None:
    done = doctor("--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert list(told) == ["device", "versions", "runtimes", "providers", "choice", "warnings"]
    taken = resolve_model("default", "auto", set(told["device"]["features"]))
    assert told["choice"]["file"] == str(taken.path)
    assert told["choice"]["precision"] == taken.card.precision
    assert told["choice"]["runtime"] == resolve_runtime("auto")
    assert told["choice"]["reason"]
    assert told["runtimes"][0]["works"] and told["providers"][0]["name"] == "CPUExecutionProvider"
    assert told["providers"][0]["works"]
    assert {"edgeseg", "python", "numpy", "onnxruntime"} <= set(told["versions"])


def test_a_provider_that_is_listed_but_computes_nothing_does_not_work() -> None:
    # ONNX Runtime falls back to the CPU in silence.
    (trial,) = runtime_checks._try_all("provider", ["NoSuchExecutionProvider"], MODEL)
    assert not trial
    assert "CPUExecutionProvider" in trial.note or "NoSuch" in trial.note


def test_the_table_is_for_people(stand_in: Stand) -> None:
    stand_in("sys.exit('RuntimeError: no such device')")
    done = doctor()
    for words in (
        "CPU",
        "cores",
        "half precision",
        "memory",
        "system",
        "versions",
        "run takes",
        "DOES NOT WORK",
    ):
        assert words in done.stdout
    assert done.exit_code == 7
    assert done.stderr == "edgeseg: no runtime can compute the model on this device\n"


def test_what_is_not_installed_is_not_tried_and_no_failure(
    stand_in: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "installed_runtimes", lambda: ("onnxruntime",))
    stand_in("np.save(argv[3], np.zeros((4, 4))); print('{}')")
    told = json.loads(doctor("--json").stdout)["runtimes"]
    assert told[1] == {
        "name": "openvino",
        "works": False,
        "note": "not installed (pip install '.[openvino]' in the clone)",
        "installed": False,
    }
    (line,) = (line for line in doctor().stdout.splitlines() if line.startswith("runtime openvino"))
    assert line == "runtime openvino     not installed (pip install '.[openvino]' in the clone)"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "os.kill(os.getpid(), signal.SIGILL)",
            "SIGILL); its wheel holds instructions that this CPU lacks",
        ),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the process died (SIGSEGV)"),
        ("sys.exit('trace\\nImportError: libcudnn.so.9')", "ImportError: libcudnn.so.9"),
        ("sys.exit(3)", "exit code 3"),
        ("print('{}')", "output.npy"),
        ("np.save(argv[3], np.full((4, 4), np.nan)); print('{}')", "computes something else"),
        ("print('nonsense'); np.save(argv[3], np.zeros((4, 4)))", "Expecting value"),
    ],
)
def test_each_way_to_fail_is_told_in_one_line(stand_in: Stand, body: str, said: str) -> None:
    stand_in(body)
    (trial,) = runtime_checks.check_runtimes(["output"], MODEL)
    assert not trial
    assert said in trial.note and "\n" not in trial.note


def test_one_that_never_ends_is_ended(stand_in: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_checks, "PATIENCE_S", 1)
    stand_in("time.sleep(60)")
    (trial,) = runtime_checks.check_runtimes(["slow"], MODEL)
    assert not trial and "not done after 1 s" in trial.note


def test_one_that_disagrees_with_the_first_does_not_work(stand_in: Stand) -> None:
    stand_in("np.save(argv[3], np.full((4, 4), 0.9 if argv[1] == 'c' else 0.1)); print('{}')")
    a, b, c = runtime_checks.check_runtimes(["a", "b", "c"], MODEL)
    assert a and b
    assert not c and "100.00% of the mask's pixels differ" in c.note


def test_probabilities_may_differ_where_they_decide_nothing(stand_in: Stand) -> None:
    # OpenVINO's BF16: up to 0.15, and the same mask.
    stand_in("np.save(argv[3], np.full((4, 4), 0.95 if argv[1] == 'b' else 0.8)); print('{}')")
    assert all(runtime_checks.check_runtimes(["a", "b"], MODEL))


def test_one_that_run_takes_and_that_does_not_work_is_warned_of(
    stand_in: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "installed_runtimes", lambda: ("openvino", "onnxruntime"))
    stand_in(
        "argv[1] == 'openvino' and sys.exit('broken'); np.save(argv[3], np.zeros((4, 4))); print('{}')"
    )
    told = json.loads(doctor("--json").stdout)
    assert told["choice"]["runtime"] is None
    assert any("--runtime onnxruntime" in warning for warning in told["warnings"])


def test_a_wheel_that_cannot_be_imported_leaves_no_provider(stand_in: Stand) -> None:
    stand_in("os.kill(os.getpid(), signal.SIGILL)")
    (trial,) = runtime_checks.check_providers(MODEL)
    assert not trial and "SIGILL" in trial.note


def test_32_bits_are_warned_of(monkeypatch: pytest.MonkeyPatch, stand_in: Stand) -> None:
    stand_in("sys.exit('No module named onnxruntime')")
    monkeypatch.setattr(
        device,
        "describe_device",
        lambda: DeviceInfo(board="Raspberry Pi 3", machine="armv7l", bits=32, cores=4),
    )
    told = json.loads(doctor("--json").stdout)
    assert any("32-bit" in warning and "64-bit system" in warning for warning in told["warnings"])
    done = doctor()
    assert "Raspberry Pi 3" in done.stdout and "WARNING" in done.stdout


def test_a_model_that_is_refused_is_6() -> None:
    assert doctor("--model", "nowhere.onnx").exit_code == 6


def test_the_model_may_lie_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('a stranger was imported')")
    (tmp_path / "mine.fp32.onnx").write_bytes(MODEL.read_bytes())
    monkeypatch.chdir(tmp_path)
    done = doctor("--model", "mine.fp32.onnx", "--json")
    assert done.exit_code == 0, done.output


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["cat", "args", "provider", "x"]), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_profile_can_be_counted(profile: object) -> None:
    assert check_worker.nodes_by_provider(profile).total() >= 0


def test_a_profile_is_counted_by_what_each_node_ran_on() -> None:
    def node(provider: str) -> dict[str, object]:
        return {"cat": "Node", "args": {"provider": provider}}

    told = check_worker.nodes_by_provider(
        [node("A"), node("B"), node("A"), {"cat": "Session", "args": {"provider": "A"}}]
    )
    assert told == {"A": 2, "B": 1}
