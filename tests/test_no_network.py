"""No verb opens a connection: strace sees every `connect` and `sendto`, native code's too, with `CI` unset.

`CI=true` alone silences OpenVINO's telemetry, and `ORT_DISABLE_TELEMETRY` ONNX Runtime's: both are taken out here, so
that it is our code that keeps them quiet.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from edgeseg.commands.options import RUNTIMES

ROOT = Path(__file__).parents[1]
FLOORS = ("edge", "train", "export", "benchmarks")
INTERNET = re.compile(r"(?:connect|sendto|sendmsg|sendmmsg)\(.*sa_family=AF_INET.*")

SENDS = """
import ctypes, socket, struct
library = ctypes.CDLL(None)  # as native code does it, past Python's own sockets
handle = library.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
address = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", 9, socket.inet_aton("127.0.0.1"))
library.connect(handle, address, len(address))
"""


@pytest.fixture(scope="module", autouse=True)
def strace() -> str:
    program = shutil.which("strace")
    if program is None:
        pytest.skip("there is no strace (apt-get install strace)")
    if subprocess.run(
        [program, "-o", os.devnull, "true"], capture_output=True, check=False
    ).returncode:
        pytest.skip("strace may not trace here")
    return program


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    _edgeseg(["draw", "--size", "256", "-o", str(folder)], folder / "trace")
    return folder / "fundus_0.png"


def test_the_tracer_sees_what_native_code_does(tmp_path: Path) -> None:
    assert _connections([sys.executable, "-c", SENDS], tmp_path / "trace")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_run(runtime: str, photograph: Path, tmp_path: Path) -> None:
    if runtime not in {"auto", "onnxruntime"} and importlib.util.find_spec(runtime) is None:
        pytest.skip(f"{runtime} is not installed")
    assert not _edgeseg(
        ["run", str(photograph), "--runtime", runtime, "-o", str(tmp_path)], tmp_path / "trace"
    )


@pytest.mark.parametrize(
    "module",
    [
        "edgeseg_export.precision.calibration",
        "edgeseg_export.precision.int8",
        "edgeseg_export.command",
    ],
)
def test_importing_a_module_of_ours_first(module: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs the extra 'export'")
    assert not _connections(
        [sys.executable, "-c", f"import {module}; import time; time.sleep(1)"], tmp_path / "trace"
    )


def test_openvino_in_a_program_of_the_users_own(tmp_path: Path) -> None:
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    program = "import edgeseg, openvino, time; openvino.Core(); time.sleep(2)"
    assert not _connections([sys.executable, "-c", program], tmp_path / "trace")


def test_convert(tiny_checkpoint: Path, tmp_path: Path) -> None:
    words = [
        "convert",
        str(tiny_checkpoint),
        "--size",
        "64",
        "--precision",
        "fp32,fp16,int8",
        "-o",
        str(tmp_path),
    ]
    # A network of one step is no network whose INT8 passes: that it was quantised and checked is what counts here.
    assert not _edgeseg(words, tmp_path / "trace", (0, 4))


@pytest.fixture(scope="module")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="needs the extra 'train'")
    folder = tmp_path_factory.mktemp("trained")
    what = ["--data", "synthetic:2", "--arch", "tiny", "--size", "64"]
    how = [
        "--epochs",
        "1",
        "--crop",
        "64",
        "--batch",
        "2",
        "--arithmetic",
        "float32",
        "--device",
        "cpu",
    ]
    assert not _edgeseg(["train", *what, *how, "--out", str(folder)], folder / "trace")
    return folder / "best.pt"


def test_train(tiny_checkpoint: Path) -> None:
    """Its trace was empty when the fixture made it."""
    assert tiny_checkpoint.is_file()


def test_bench(tmp_path: Path) -> None:
    assert not _edgeseg(
        ["bench", "--runs", "1", "--warmup", "0", "--threads", "1"], tmp_path / "trace"
    )


def test_tuning(tmp_path: Path) -> None:
    assert not _edgeseg(["doctor", "--tune", str(tmp_path / "choices.json")], tmp_path / "trace")


def _edgeseg(words: Sequence[str], trace: Path, codes: tuple[int, ...] = (0,)) -> list[str]:
    return _connections([sys.executable, "-m", "edgeseg", *words], trace, codes)


def _connections(command: Sequence[str], trace: Path, codes: tuple[int, ...] = (0,)) -> list[str]:
    """What a program and its children sent to the internet, or tried to."""
    strace = [
        "strace",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-e",
        "trace=connect,sendto,sendmsg,sendmmsg",
        "-e",
        "signal=none",
    ]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"CI", "ORT_DISABLE_TELEMETRY"}
    }
    environment["OMP_NUM_THREADS"] = "1"
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / floor) for floor in FLOORS)
    done = subprocess.run(
        [*strace, "-o", str(trace), *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in codes, done.stderr
    return INTERNET.findall(trace.read_text())
