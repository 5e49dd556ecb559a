"""Emulated Raspberry Pi 4 and 5, on which edgeseg is installed as described in docs/boards.md."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast

import pytest

from edgeseg.models.catalog import SHIPPED_MODELS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GUIDE = ROOT / "docs" / "boards.md"
CHECKPOINT = ROOT / "train" / "checkpoints" / f"{SHIPPED_MODELS['default']}.pt"

Board: TypeAlias = Literal["pi4", "pi5"]


@dataclass(frozen=True)
class EmulatedBoard:
    """An arm64 userland with edgeseg installed in `home`/edgeseg."""

    userland: Path
    home: Path

    def run_shell(self, lines: str, board: Board, cwd: Path) -> str:
        """Run lines of docs/boards.md without a network, with `python3` of the board.

        Returns:
            Standard output.
        """
        command = [*without_network(), "bash", "-euc", lines]
        return self._run(command, board, cwd).stdout

    def run_guest(self, board: Board, *arguments: object) -> dict[str, object]:
        """Run guest.py and return its JSON object."""
        return cast("dict[str, object]", json.loads(self._run_guest(board, {}, arguments).stdout))

    def count_instructions(self, board: Board, plugin: Path, *arguments: object) -> dict[int, int]:
        """Run guest.py and return the number of instructions executed before each mark."""
        done = self._run_guest(board, {"EDGESEG_QEMU_PLUGIN": str(plugin)}, arguments)
        marks = re.findall(r"^MARK (\d+) (\d+)$", done.stderr, re.MULTILINE)
        return {int(mark): int(instructions) for mark, instructions in marks}

    def _run_guest(
        self, board: Board, variables: dict[str, str], arguments: Sequence[object]
    ) -> subprocess.CompletedProcess[str]:
        python = self.home / "edgeseg" / "bin" / "python"
        command = [str(python), str(HERE / "guest.py"), *map(str, arguments)]
        return self._run(command, board, self.home, variables)

    def _run(
        self, command: list[str], board: Board, cwd: Path, variables: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "PIP_"))
        }
        environment |= {
            "PATH": f"{self.userland / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "EDGESEG_BOARD": board,
            "PIP_NO_COMPILE": "1",  # saves half a minute of emulation
            "PYTHONHASHSEED": "0",
            "OPENBLAS_NUM_THREADS": "1",
        }
        environment |= variables or {}
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


def without_network() -> list[str]:
    """Return the start of a command without a network; [] if this is not permitted."""
    probe = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False)
    return ["unshare", "-n"] if probe.returncode == 0 else []


def read_guide(name: str) -> str:
    """Return the lines of docs/boards.md between the marks with this name."""
    pattern = rf"<!-- [^>]*: {name} -->\n```\n(.*?)```\n<!-- end -->"
    match = re.search(pattern, GUIDE.read_text(), re.DOTALL)
    assert match is not None, f"docs/boards.md has no lines marked {name}"
    return match[1]


@pytest.fixture(scope="session")
def userland(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("qemu-aarch64") is None:
        pytest.skip(
            "qemu-user is not installed (apt-get install --no-install-recommends qemu-user)"
        )
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        pytest.skip("the userland needs apt-get and dpkg, which are not installed")
    folder = tmp_path_factory.mktemp("arm64")
    done = subprocess.run(
        [HERE / "userland.sh", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"the userland cannot be downloaded: {done.stderr.strip().splitlines()[-1:]}")
    return folder


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model files with the shipped weights at 128 pixels, in every precision."""
    return _convert(tmp_path_factory.mktemp("models"), 128, "fp32,fp16,int8")


@pytest.fixture(scope="session")
def larger_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model files with the shipped weights at 256 pixels, in FP32 and FP16."""
    return _convert(tmp_path_factory.mktemp("larger"), 256, "fp32,fp16")


def _convert(folder: Path, size: int, precisions: str) -> Path:
    pytest.importorskip("torch", reason="small model files are exported with torch")
    arguments = ["convert", str(CHECKPOINT), "-o", str(folder)]
    run_edgeseg([*arguments, "--size", str(size), "--precision", precisions])
    return folder


@pytest.fixture(scope="session")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic photograph."""
    folder = tmp_path_factory.mktemp("photographs")
    run_edgeseg(["draw", "--seed", "3", "--size", "256", "-o", str(folder)])
    return folder / "fundus_3.png"


@pytest.fixture(scope="session")
def board(userland: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> EmulatedBoard:
    """A board on which edgeseg was installed from a bundle, as in docs/boards.md."""
    home = tmp_path_factory.mktemp("home")
    bundle = home / "edgeseg-bundle"
    arguments = ["bundle", "--python", "3.11", "--source", str(ROOT), "-o", str(bundle)]
    for model in sorted(models.glob("*.onnx")):
        arguments += ["--model", str(model)]
    run_edgeseg(arguments)
    installed = EmulatedBoard(userland, home)
    installed.run_shell(read_guide("install"), "pi5", home)
    return installed


@pytest.fixture(scope="session")
def guide() -> Callable[[str], str]:
    """Function that returns the lines of docs/boards.md with the given mark."""
    return read_guide


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """QEMU plugin insn_count.c, compiled for the installed QEMU."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed; the plugin that counts instructions needs it")
    command = ["qemu-aarch64", "--version"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    match = re.search(r"version (\d+)", output)
    assert match is not None, output
    file = tmp_path_factory.mktemp("plugin") / "insn_count.so"
    version = 1 if int(match[1]) < 9 else 2
    flags = ["-shared", "-fPIC", "-O2", f"-DPLUGIN_VERSION={version}"]
    run_on_host(["gcc", *flags, "-o", str(file), str(HERE / "insn_count.c")])
    return file


def run_edgeseg(arguments: list[str], variables: dict[str, str] | None = None) -> None:
    """Run edgeseg of this checkout on the host. edgeseg need not be installed on the host."""
    roots = (str(ROOT / folder) for folder in ("edge", "train", "export", "benchmarks"))
    environment = {"PYTHONPATH": os.pathsep.join(roots), **(variables or {})}
    run_on_host([sys.executable, "-m", "edgeseg", *arguments], environment)


def run_on_host(command: list[str], variables: dict[str, str] | None = None) -> None:
    environment = os.environ | (variables or {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
