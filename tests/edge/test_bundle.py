"""`edgeseg bundle` and its install script; that it installs on a board, tests/arm64 shows."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeseg.cli import cli
from edgeseg.commands.bundle import wheels as making
from edgeseg.commands.bundle.wheels import Platform, Target, checksums, install_script, own_source
from edgeseg.errors import EdgesegError, SystemSetupError, UsageError

WHEEL = Path("edgeseg-0.1.0-py3-none-any.whl")


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A pip that needs no network: it writes one file and notes how it was called."""
    calls: list[tuple[str, ...]] = []

    def called(*arguments: str) -> None:
        calls.append(arguments)
        folder = Path(
            arguments[arguments.index("--wheel-dir" if arguments[0] == "wheel" else "--dest") + 1]
        )
        (folder / (WHEEL.name if arguments[0] == "wheel" else "numpy-2-cp311.whl")).write_bytes(
            b"wheel"
        )

    monkeypatch.setattr(making, "_pip", called)
    return calls


def test_a_bundle_holds_wheels_hashes_and_a_script(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    folder = tmp_path / "stick"
    words = [
        "bundle",
        "--python",
        "3.11",
        "--extra",
        "openvino",
        "--source",
        ".",
        "-o",
        str(folder),
    ]
    done = CliRunner().invoke(cli, words)
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


def test_a_folder_with_something_in_it_is_refused(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    (tmp_path / "older.whl").touch()
    done = CliRunner().invoke(
        cli, ["bundle", "--python", "3.11", "--source", ".", "-o", str(tmp_path)]
    )
    assert done.exit_code == 2 and "is not empty" in done.stderr
    assert not pip


def test_a_model_that_a_device_would_refuse_is_refused_before(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    model = tmp_path / "damaged.onnx"
    model.write_bytes(b"no model")
    words = [
        "bundle",
        "--python",
        "3.11",
        "--model",
        str(model),
        "--source",
        ".",
        "-o",
        str(tmp_path / "stick"),
    ]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 6 and not pip and not (tmp_path / "stick").exists()


def test_an_extra_that_there_is_not_is_refused_before(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    words = [
        "bundle",
        "--python",
        "3.11",
        "--extra",
        "openvin",
        "--source",
        ".",
        "-o",
        str(tmp_path / "stick"),
    ]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2 and "openvino" in done.stderr
    assert not pip and not (tmp_path / "stick").exists()


def test_pips_reason_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemSetupError, match=r"pip wheel failed: .*nowhere") as caught:
        making.collect_wheels(str(tmp_path / "nowhere"), Target("linux-aarch64", "3.11"), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_source_that_is_unknown_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unknown:
        def read_text(self, name: str) -> None:
            return None

    monkeypatch.setattr(making, "distribution", lambda name: Unknown())
    with pytest.raises(UsageError, match="--source"):
        own_source()


def test_the_script_refuses_another_machine_and_a_damaged_copy(tmp_path: Path) -> None:
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


def test_an_update_replaces_what_has_the_same_version(tmp_path: Path) -> None:
    said = [_install(tmp_path, words) for words in ("older weights", "newer weights")]
    assert [lines.splitlines()[0] for lines in said] == ["older weights", "newer weights"]


def _install(folder: Path, words: str) -> str:
    """What the script prints, on this machine, with a wheel whose command prints these words."""
    machine: Platform = "linux-aarch64" if platform.machine() == "aarch64" else "linux-x86_64"
    stick = folder / words
    (stick / "wheels").mkdir(parents=True)
    about = "edgeseg-0.1.0.dist-info"
    with zipfile.ZipFile(stick / "wheels" / WHEEL, "w") as wheel:
        wheel.writestr("edgeseg/__init__.py", f"def main(): print({words!r})")
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
    ("crashes", "said"),
    [(1, "neither a clone nor a wheel"), (2, "pip wheel failed: TimeoutError: it took too long$")],
)
def test_a_pip_that_crashes_is_called_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crashes: int, said: str
) -> None:
    calls, program = tmp_path / "calls", tmp_path / "python"
    program.write_text(
        f"#!/bin/sh\necho >> {calls}\n[ $(wc -l < {calls}) -gt {crashes} ] && exit 0\n"
        "printf 'ERROR: Exception:\\nTraceback\\n  more\\nTimeoutError: it took too long\\n' >&2\nexit 2\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    with pytest.raises(EdgesegError, match=said):
        making.collect_wheels("clone", making.Target("linux-aarch64", "3.11"), tmp_path)
    assert calls.read_text().count("\n") == 2


def test_pip_can_be_reached_from_here() -> None:
    """What `bundle` calls; an environment without pip gets its reason as one line."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
    )
    assert done.returncode == 0
