"""The device package on an emulated Raspberry Pi 4 and 5, installed from a bundle by docs/boards.md's own lines."""

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
class Emulated:
    """A userland with edgeseg installed in `home`/edgeseg."""

    userland: Path
    home: Path

    def shell(self, lines: str, board: Board, cwd: Path) -> str:
        """Run lines of the guide, without a network; `python3` is the board's.

        Returns:
            Standard output.
        """
        return self._checked([*_without_network(), "bash", "-euc", lines], board, cwd).stdout

    def guest(self, board: Board, *words: object) -> dict[str, object]:
        """What guest.py says."""
        return cast("dict[str, object]", json.loads(self._guest(board, {}, words).stdout))

    def marks(self, board: Board, plugin: Path, *words: object) -> dict[int, int]:
        """Mark of guest.py -> instructions executed until then."""
        done = self._guest(board, {"EDGESEG_QEMU_PLUGIN": str(plugin)}, words)
        return {
            int(mark): int(number)
            for mark, number in re.findall(r"^MARK (\d+) (\d+)$", done.stderr, re.MULTILINE)
        }

    def _guest(
        self, board: Board, more: dict[str, str], words: Sequence[object]
    ) -> subprocess.CompletedProcess[str]:
        python = self.home / "edgeseg" / "bin" / "python"
        return self._checked(
            [str(python), str(HERE / "guest.py"), *map(str, words)], board, self.home, more
        )

    def _checked(
        self, command: list[str], board: Board, cwd: Path, more: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "PIP_"))
        }
        ours = {
            "PATH": f"{self.userland / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "EDGESEG_BOARD": board,
            "PIP_NO_COMPILE": "1",  # half a minute less of emulation
            "PYTHONHASHSEED": "0",
            "OPENBLAS_NUM_THREADS": "1",
        }
        environment = kept | ours | (more or {})
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


def _without_network() -> list[str]:
    """A network namespace of its own, with nothing in it."""
    works = (
        subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode == 0
    )
    return ["unshare", "-n"] if works else []


def guide(name: str) -> str:
    """The lines of docs/boards.md between the marks of this name."""
    found = re.search(
        rf"<!-- [^>]*: {name} -->\n```\n(.*?)```\n<!-- end -->", GUIDE.read_text(), re.DOTALL
    )
    assert found is not None, f"docs/boards.md has no lines marked {name}"
    return found[1]


@pytest.fixture(scope="session")
def userland(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("qemu-aarch64") is None:
        pytest.skip(
            "qemu-user is not installed (apt-get install --no-install-recommends qemu-user)"
        )
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        pytest.skip("the userland is made of Debian packages; there is no apt-get")
    folder = tmp_path_factory.mktemp("arm64")
    done = subprocess.run(
        [HERE / "userland.sh", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"the userland cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
    return folder


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped weights at 128 pixels, in every precision."""
    return _convert(tmp_path_factory.mktemp("models"), 128, "fp32,fp16,int8")


@pytest.fixture(scope="session")
def larger_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """At 256 pixels, FP32 and half precision."""
    return _convert(tmp_path_factory.mktemp("larger"), 256, "fp32,fp16")


def _convert(folder: Path, size: int, precisions: str) -> Path:
    pytest.importorskip(
        "torch", reason="model files of a small size are made with torch (extra 'export')"
    )
    command = [
        "convert",
        str(CHECKPOINT),
        "-o",
        str(folder),
        "--size",
        str(size),
        "--precision",
        precisions,
    ]
    _run([sys.executable, "-m", "edgeseg", *command])
    return folder


@pytest.fixture(scope="session")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small drawn one."""
    folder = tmp_path_factory.mktemp("photographs")
    _run(
        [sys.executable, "-m", "edgeseg", "draw", "--seed", "3", "--size", "256", "-o", str(folder)]
    )
    return folder / "fundus_3.png"


@pytest.fixture(scope="session")
def board(userland: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Emulated:
    """Installed from a bundle, as the guide says, where there is no network."""
    home = tmp_path_factory.mktemp("home")
    stick = home / "edgeseg-bundle"
    taken = [word for model in sorted(models.glob("*.onnx")) for word in ("--model", str(model))]
    words = ["bundle", "--python", "3.11", "--source", str(ROOT), "-o", str(stick), *taken]
    _run(
        [sys.executable, "-m", "edgeseg", *words], {"PIP_CONSTRAINT": str(ROOT / "constraints.txt")}
    )
    installed = Emulated(userland, home)
    installed.shell(guide("install"), "pi5", home)
    return installed


@pytest.fixture(scope="session")
def lines() -> Callable[[str], str]:
    """The guide's lines by name."""
    return guide


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """insn_count.c for the QEMU that is installed."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no C compiler for the plugin that counts instructions")
    said = subprocess.run(
        ["qemu-aarch64", "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"version (\d+)", said)
    assert found is not None, said
    file = tmp_path_factory.mktemp("plugin") / "insn_count.so"
    version = 1 if int(found[1]) < 9 else 2
    flags = ["-shared", "-fPIC", "-O2", f"-DPLUGIN_VERSION={version}"]
    _run(["gcc", *flags, "-o", str(file), str(HERE / "insn_count.c")])
    return file


def _run(command: list[str], more: dict[str, str] | None = None) -> None:
    # Sources for this Python, which need not have edgeseg installed.
    path = os.pathsep.join(
        str(ROOT / folder) for folder in ("edge", "train", "export", "benchmarks")
    )
    environment = os.environ | {"PYTHONPATH": path} | (more or {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
