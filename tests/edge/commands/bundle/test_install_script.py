"""Install script of a bundle; tests/arm64 installs a bundle on boards."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from edgeseg.commands.bundle.checksums import checksums
from edgeseg.commands.bundle.requirements import write_requirements
from edgeseg.commands.bundle.wheels import Platform, Target, install_script

WheelMaker: TypeAlias = Callable[[str, str, dict[str, str]], bytes]
StickWriter: TypeAlias = Callable[[Path, str], Path]

WHEEL = Path("edgeseg-0.1.0-py3-none-any.whl")


@pytest.fixture
def write_stick(make_wheel: WheelMaker) -> Callable[[Path, str], Path]:
    """Function that writes a bundle with a wheel. The command in the wheel prints a text."""

    def write(stick: Path, text: str) -> Path:
        machine: Platform = "linux-aarch64" if platform.machine() == "aarch64" else "linux-x86_64"
        content = {
            "edgeseg/__init__.py": f"def main(): print({text!r})",
            "edgeseg-0.1.0.dist-info/entry_points.txt": (
                "[console_scripts]\nedgeseg = edgeseg:main\n"
            ),
        }
        wheel = (f"wheels/{WHEEL.name}", make_wheel("edgeseg", "0.1.0", content))
        script = install_script(Target(machine, ".".join(map(str, sys.version_info[:2]))))
        files = [wheel, *write_requirements([wheel], WHEEL, ""), ("install.sh", script)]
        for name, data in (*files, ("SHA256SUMS", checksums(files))):
            (stick / name).parent.mkdir(parents=True, exist_ok=True)
            (stick / name).write_bytes(data)
        return stick

    return write


def _install(
    stick: Path, target: Path, variables: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the script of a bundle with this Python."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))
    }
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment |= variables or {}
    command = ["sh", str(stick / "install.sh"), str(target)]
    return subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )


def test_install_script_rejects_another_machine_and_a_damaged_bundle(tmp_path: Path) -> None:
    other = "linux-x86_64" if platform.machine() == "aarch64" else "linux-aarch64"
    script = install_script(Target(other, "3.11"))  # type: ignore[arg-type]
    (tmp_path / "install.sh").write_bytes(script)
    (tmp_path / "SHA256SUMS").write_bytes(checksums([("install.sh", script)]))
    command = ["sh", str(tmp_path / "install.sh"), str(tmp_path / "there")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    machine = Target(other, "3.11").machine  # type: ignore[arg-type]
    assert done.returncode == 1 and f"made for Python 3.11 on {machine}" in done.stderr
    (tmp_path / "install.sh").write_bytes(script + b"\n")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "damaged" in done.stderr
    assert not (tmp_path / "there").exists()


@pytest.mark.slow
def test_install_script_replaces_installation_of_same_version(
    tmp_path: Path, write_stick: StickWriter
) -> None:
    for text in ("older weights", "newer weights"):
        done = _install(write_stick(tmp_path / text, text), tmp_path / "there")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[0] == text


@pytest.mark.slow
def test_install_script_imports_nothing_from_environment_or_cdpath(
    tmp_path: Path, write_stick: StickWriter
) -> None:
    planted = tmp_path / "planted"
    for folder in (planted, planted / "my stick"):
        folder.mkdir()
        for name in ("platform.py", "venv.py", "pip.py"):
            (folder / name).write_text("raise SystemExit(9)")
        (folder / "SHA256SUMS").touch()
    stick = write_stick(tmp_path / "my stick", "installed")
    variables = {"CDPATH": str(planted), "PYTHONPATH": str(planted), "PIP_REQUIREMENT": "/planted"}
    done = _install(Path(stick.name), tmp_path / "my target", variables, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "installed"


@pytest.mark.parametrize(
    "planted", ["platform.py", "wheels/numpy-9-py3-none-any.whl", "models/a.onnx", "wheels/\n\x1b"]
)
def test_install_script_rejects_file_that_is_not_listed(
    tmp_path: Path, planted: str, write_stick: StickWriter
) -> None:
    stick = write_stick(tmp_path / "stick", "installed")
    (stick / planted).parent.mkdir(exist_ok=True)
    (stick / planted).write_text("raise SystemExit(9)")
    done = _install(stick, tmp_path / "there")
    assert done.returncode == 1
    assert planted.split("\n", maxsplit=1)[0] in done.stderr and "\x1b" not in done.stderr
    assert not (tmp_path / "there").exists()


def test_install_script_rejects_link_to_another_folder(
    tmp_path: Path, write_stick: StickWriter
) -> None:
    stick = write_stick(tmp_path / "stick", "installed")
    (stick / "wheels").rename(tmp_path / "elsewhere")
    (stick / "wheels").symlink_to(tmp_path / "elsewhere")
    assert _install(stick, tmp_path / "there").returncode == 1
    assert not (tmp_path / "there").exists()
