"""Commands must open no connection unless requested. strace traces all system calls.

The variables `CI` and `ORT_DISABLE_TELEMETRY` are removed, because each of them disables the
telemetry of OpenVINO and ONNX Runtime.
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

import psutil
import pytest

from edgeseg.commands.options import RUNTIMES

ROOT = Path(__file__).parents[1]
SOURCE_ROOTS = ("edge", "train", "export", "benchmarks")
INTERNET = re.compile(r"(?:connect|sendto|sendmsg|sendmmsg)\(.*sa_family=AF_INET.*")
TRACED = "trace=connect,sendto,sendmsg,sendmmsg"
STRACE = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", TRACED, "-e", "signal=none")
# If a suspended process is killed, as in bench, strace may fail. The command is then repeated.
ATTEMPTS = 5

# Program that connects from native code, without Python's sockets.
NATIVE_CONNECT = """
import ctypes, socket, struct
library = ctypes.CDLL(None)
handle = library.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
address = struct.pack("=H", socket.AF_INET)
address += struct.pack("!H4s8x", 9, socket.inet_aton("127.0.0.1"))
library.connect(handle, address, len(address))
"""

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture(scope="module", autouse=True)
def strace() -> str:
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed (apt-get install strace)")
    command = [program, "-o", os.devnull, "true"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("strace is not permitted to trace")
    return program


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    trace_edgeseg(["draw", "--size", "256", "-o", str(folder)], folder / "trace")
    return folder / "fundus_0.png"


@pytest.fixture(scope="module")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="needs the extra 'train'")
    folder = tmp_path_factory.mktemp("trained")
    arguments = (
        "train --data synthetic:2 --arch tiny --size 64 --epochs 1 --crop 64 --batch 2"
        " --arithmetic float32 --device cpu --out"
    )
    assert not trace_edgeseg([*arguments.split(), str(folder)], folder / "trace")
    return folder / "best.pt"


def test_trace_detects_a_connection_of_native_code(tmp_path: Path) -> None:
    assert trace_connections([sys.executable, "-c", NATIVE_CONNECT], tmp_path / "trace")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_run_opens_no_connection(runtime: str, photograph: Path, tmp_path: Path) -> None:
    if runtime not in {"auto", "onnxruntime"} and importlib.util.find_spec(runtime) is None:
        pytest.skip(f"{runtime} is not installed")
    arguments = ["run", str(photograph), "--runtime", runtime, "-o", str(tmp_path)]
    assert not trace_edgeseg(arguments, tmp_path / "trace")


def test_batch_opens_no_connection(photograph: Path, tmp_path: Path) -> None:
    arguments = ["batch", str(photograph.parent), "--workers", "1", "-o", str(tmp_path)]
    assert not trace_edgeseg(arguments, tmp_path / "trace")


@pytest.mark.parametrize(
    "module",
    [
        "edgeseg_export.precision.calibration",
        "edgeseg_export.precision.int8",
        "edgeseg_export.command",
    ],
)
def test_importing_a_module_opens_no_connection(module: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs the extra 'export'")
    program = f"import {module}; import time; time.sleep(1)"
    assert not trace_connections([sys.executable, "-c", program], tmp_path / "trace")


def test_openvino_in_a_users_program_opens_no_connection(tmp_path: Path) -> None:
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    program = "import edgeseg, openvino, time; openvino.Core(); time.sleep(2)"
    assert not trace_connections([sys.executable, "-c", program], tmp_path / "trace")


def test_convert_opens_no_connection(tiny_checkpoint: Path, tmp_path: Path) -> None:
    arguments = ["convert", str(tiny_checkpoint), "-o", str(tmp_path)]
    arguments += ["--size", "64", "--precision", "fp32,fp16,int8"]
    # INT8 of a network that was trained for one step may fail its checks (exit code 4).
    assert not trace_edgeseg(arguments, tmp_path / "trace", (0, 4))


def test_train_opens_no_connection(tiny_checkpoint: Path) -> None:
    """The fixture `tiny_checkpoint` traces the training and checks the trace."""
    assert tiny_checkpoint.is_file()


def test_bench_opens_no_connection(tmp_path: Path) -> None:
    arguments = ["bench", "--runs", "1", "--warmup", "0", "--threads", "1"]
    assert not trace_edgeseg(arguments, tmp_path / "trace")


def test_serve_opens_no_connection(photograph: Path, tmp_path: Path) -> None:
    httpx = pytest.importorskip("httpx", reason="needs the extra 'dev'")
    trace = tmp_path / "trace"
    command = [sys.executable, "-m", "edgeseg", "serve", "--port", "0", "--threads", "1"]
    tracing = subprocess.Popen(
        [*STRACE, "-o", str(trace), *command], stderr=subprocess.PIPE, text=True, env=_environment()
    )
    assert tracing.stderr is not None
    try:
        url = tracing.stderr.readline().split()[-1]
        for path in ("segment", "page/image"):
            response = httpx.post(url + path, content=photograph.read_bytes(), timeout=60)
            assert response.status_code == 200
        assert httpx.get(url).status_code == 200
    finally:
        for child in psutil.Process(tracing.pid).children():
            child.terminate()
        tracing.wait(60)
    assert not [call for call in INTERNET.findall(trace.read_text()) if call.startswith("connect")]


def test_tuning_opens_no_connection(tmp_path: Path) -> None:
    arguments = ["doctor", "--tune", str(tmp_path / "choices.json")]
    assert not trace_edgeseg(arguments, tmp_path / "trace")


def trace_edgeseg(
    arguments: Sequence[str], trace: Path, exit_codes: tuple[int, ...] = (0,)
) -> list[str]:
    return trace_connections([sys.executable, "-m", "edgeseg", *arguments], trace, exit_codes)


def trace_connections(
    command: Sequence[str], trace: Path, exit_codes: tuple[int, ...] = (0,)
) -> list[str]:
    """Return the system calls with an internet address, of a program and its children."""
    done = None
    for _ in range(ATTEMPTS):
        done = subprocess.run(
            [*STRACE, "-o", str(trace), *command],
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stderr.startswith("strace: ptrace("):
            break
    assert done is not None
    assert done.returncode in exit_codes, done.stderr
    return INTERNET.findall(trace.read_text())


def _environment() -> dict[str, str]:
    environment = os.environ.copy()
    for name in ("CI", "ORT_DISABLE_TELEMETRY"):
        environment.pop(name, None)
    environment["OMP_NUM_THREADS"] = "1"
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / folder) for folder in SOURCE_ROOTS)
    return environment
