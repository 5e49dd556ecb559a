"""`edgeseg bundle` and its install script; tests/arm64 installs a bundle on boards."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.commands.bundle import wheels
from edgeseg.commands.bundle.wheels import (
    Platform,
    Target,
    checksums,
    collect_wheels,
    install_script,
    own_source,
)
from edgeseg.errors import EdgesegError, SystemSetupError, UsageError

WHEEL = Path("edgeseg-0.1.0-py3-none-any.whl")


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Replaces pip: it writes one file without network and records its arguments."""
    calls: list[tuple[str, ...]] = []

    def record(*arguments: str) -> None:
        calls.append(arguments)
        is_own_wheel = arguments[0] == "wheel"
        option = "--wheel-dir" if is_own_wheel else "--dest"
        folder = Path(arguments[arguments.index(option) + 1])
        name = WHEEL.name if is_own_wheel else "numpy-2-cp311.whl"
        (folder / name).write_bytes(b"wheel")

    monkeypatch.setattr(wheels, "_run_pip", record)
    return calls


def bundle(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["bundle", "--python", "3.11", "--source", ".", *arguments])


def test_bundle_writes_wheels_checksums_and_script(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    folder = tmp_path / "stick"
    done = bundle("--extra", "openvino", "-o", str(folder))
    assert done.exit_code == 0, done.output
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == {f"wheels/{WHEEL.name}", "wheels/numpy-2-cp311.whl", "install.sh"}
    assert all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        for name, digest in sums.items()
    )
    download = pip[1]
    assert "--python-version=3.11" in download and "--platform=manylinux_2_17_aarch64" in download
    assert "--only-binary=:all:" in download and download[-1].endswith(f"{WHEEL.name}[openvino]")


def test_bundle_into_folder_with_files_exits_with_2(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    (tmp_path / "older.whl").touch()
    done = bundle("-o", str(tmp_path))
    assert done.exit_code == 2 and str(tmp_path) in done.stderr
    assert not pip


def test_bundle_with_invalid_model_exits_with_6_before_download(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    model = tmp_path / "damaged.onnx"
    model.write_bytes(b"no model")
    done = bundle("--model", str(model), "-o", str(tmp_path / "stick"))
    assert done.exit_code == 6 and not pip and not (tmp_path / "stick").exists()


def test_bundle_with_unknown_extra_exits_with_2_before_download(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    done = bundle("--extra", "openvin", "-o", str(tmp_path / "stick"))
    assert done.exit_code == 2 and "openvino" in done.stderr
    assert not pip and not (tmp_path / "stick").exists()


@pytest.mark.slow
def test_collect_wheels_with_failing_pip_reports_its_reason_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemSetupError, match=r"pip wheel failed: .*nowhere") as caught:
        collect_wheels(str(tmp_path / "nowhere"), Target("linux-aarch64", "3.11"), tmp_path)
    assert "\n" not in str(caught.value)


def test_own_source_without_record_of_pip_asks_for_source(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unknown:
        def read_text(self, name: str) -> None:
            return None

    monkeypatch.setattr(wheels, "distribution", lambda name: Unknown())
    with pytest.raises(UsageError, match="--source"):
        own_source()


def test_install_script_rejects_another_machine_and_a_damaged_bundle(tmp_path: Path) -> None:
    other = "linux-x86_64" if platform.machine() == "aarch64" else "linux-aarch64"
    script = install_script(Target(other, "3.11"), WHEEL)  # type: ignore[arg-type]
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
def test_install_script_replaces_installation_of_same_version(tmp_path: Path) -> None:
    for text in ("older weights", "newer weights"):
        assert _install(tmp_path, text).splitlines()[0] == text


def _install(folder: Path, text: str) -> str:
    """Run the script with a wheel whose command prints a text; return the script's output."""
    machine: Platform = "linux-aarch64" if platform.machine() == "aarch64" else "linux-x86_64"
    stick = folder / text
    (stick / "wheels").mkdir(parents=True)
    about = "edgeseg-0.1.0.dist-info"
    with zipfile.ZipFile(stick / "wheels" / WHEEL, "w") as wheel:
        wheel.writestr("edgeseg/__init__.py", f"def main(): print({text!r})")
        wheel.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: edgeseg\nVersion: 0.1.0\n"
        )
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/entry_points.txt", "[console_scripts]\nedgeseg = edgeseg:main\n")
        wheel.writestr(f"{about}/RECORD", "")
    script = install_script(Target(machine, ".".join(map(str, sys.version_info[:2]))), WHEEL)
    (stick / "install.sh").write_bytes(script)
    (stick / "SHA256SUMS").write_bytes(checksums([("install.sh", script)]))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))
    }
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = ["sh", str(stick / "install.sh"), str(folder / "there")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("crashes", "message"),
    [(1, "neither a clone nor a wheel"), (2, "pip wheel failed: TimeoutError: it took too long$")],
)
def test_collect_wheels_calls_a_crashed_pip_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crashes: int, message: str
) -> None:
    calls, program = tmp_path / "calls", tmp_path / "python"
    program.write_text(
        f"#!/bin/sh\necho >> {calls}\n[ $(wc -l < {calls}) -gt {crashes} ] && exit 0\n"
        "printf 'ERROR: Exception:\\nTraceback\\n  more\\nTimeoutError: it took too long\\n' >&2\n"
        "exit 2\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    with pytest.raises(EdgesegError, match=message):
        collect_wheels("clone", Target("linux-aarch64", "3.11"), tmp_path)
    assert calls.read_text().count("\n") == 2


@pytest.mark.slow
def test_pip_is_available_to_bundle() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
    )
    assert done.returncode == 0
