"""Command `edgeseg`: table of commands, errors and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeseg import EdgesegError, cli, errors
from edgeseg._version import __version__
from edgeseg.commands import draw


def test_help_lists_every_command_in_order() -> None:
    done = CliRunner().invoke(cli.cli, ["--help"])
    assert done.exit_code == 0
    places = [done.output.index(f"  {name} ") for name in cli.COMMANDS]
    assert places == sorted(places)


@pytest.mark.slow
@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = CliRunner().invoke(cli.cli, [command, "--help"])
    assert done.exit_code == 0, done.output
    assert "Usage:" in done.output and "--help" in done.output


def test_version_is_printed_and_unknown_command_exits_with_2() -> None:
    assert __version__ in CliRunner().invoke(cli.cli, ["--version"]).output
    assert CliRunner().invoke(cli.cli, ["fly"]).exit_code == 2


@pytest.mark.parametrize(
    "error",
    [
        errors.UsageError,
        errors.PhotoError,
        errors.CheckError,
        errors.IncomparableError,
        errors.ModelError,
        errors.SystemSetupError,
    ],
)
def test_edgeseg_error_is_printed_in_one_line_with_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: type[EdgesegError]
) -> None:
    def fail(*args: object, **more: object) -> None:
        raise error("what was wrong, and what to do")

    monkeypatch.setattr(draw.draw, "callback", fail)
    done = CliRunner().invoke(cli.cli, ["draw"])
    assert done.exit_code == error.exit_code
    assert done.stderr == "edgeseg: what was wrong, and what to do\n" and done.stdout == ""


def test_ctrl_c_exits_with_130_and_bug_with_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **more: object) -> None:
        raise KeyboardInterrupt

    def broken(*args: object, **more: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(draw.draw, "callback", interrupted)
    assert CliRunner().invoke(cli.cli, ["draw"]).exit_code == 130
    monkeypatch.setattr(draw.draw, "callback", broken)
    done = CliRunner().invoke(cli.cli, ["draw"])
    assert done.exit_code == 1 and isinstance(done.exception, ZeroDivisionError)


@pytest.mark.slow
def test_python_m_edgeseg_runs_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgeseg", "draw", "--size", "64", "-o", str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [str(tmp_path / "fundus_0.png")]


@pytest.mark.slow
def test_closed_pipe_exits_with_141_silently(tmp_path: Path) -> None:
    options = ["--size", "64", "--count", "200", "-o", str(tmp_path)]
    command = [sys.executable, "-u", "-m", "edgeseg", "draw", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
    assert 0 < len(list(tmp_path.iterdir())) < 200


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["draw", "--help"]])
def test_help_into_closed_pipe_exits_with_141_silently(arguments: list[str]) -> None:
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    command = [sys.executable, "-m", "edgeseg", *arguments]
    with os.fdopen(writing_end, "wb") as pipe:
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [
        (["--help"], ""),
        (["run", "--help"], "1"),
        (["info", "default"], ""),
        (["info", "default", "--json"], "1"),
    ],
)
def test_full_disk_for_standard_output_exits_with_7_and_one_line(
    arguments: list[str], unbuffered: str
) -> None:
    """Otherwise, Python retries the failed write at exit and returns 120."""
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full does not exist")
    command = [sys.executable, "-m", "edgeseg", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )
    assert done.returncode == 7
    (line,) = done.stderr.splitlines()
    assert line.startswith("edgeseg: standard output: ") and "disk is full" in line


def test_other_os_error_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise FileNotFoundError(2, "No such file")

    monkeypatch.setattr(cli, "cli", broken)
    with pytest.raises(FileNotFoundError):
        cli.main()


def test_missing_extra_exits_with_7_and_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("importlib.import_module", fail)
    done = CliRunner().invoke(cli.cli, ["train", "--help"])
    assert done.exit_code == 7
    assert "'.[train]'" in done.stderr and ".whl[train]'" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["info", "default"]])
def test_closed_standard_output_exits_with_0(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "edgeseg", *arguments]
    done = subprocess.run(command, preexec_fn=lambda: os.close(1), check=False)
    assert done.returncode == 0


def test_tune_function_is_resolved() -> None:
    assert callable(cli.load_attribute(cli.TUNE_FUNCTION))
