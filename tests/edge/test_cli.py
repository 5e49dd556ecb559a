"""The command itself: its table of verbs, its errors, its exit codes."""

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


def test_help_lists_every_verb_in_order() -> None:
    done = CliRunner().invoke(cli.cli, ["--help"])
    assert done.exit_code == 0
    places = [done.output.index(f"  {name} ") for name in cli.COMMANDS]
    assert places == sorted(places)


@pytest.mark.parametrize("verb", cli.COMMANDS)
def test_every_verb_has_help_that_says_what_it_does(verb: str) -> None:
    done = CliRunner().invoke(cli.cli, [verb, "--help"])
    assert done.exit_code == 0, done.output
    assert "Usage:" in done.output and "--help" in done.output


def test_version_and_unknown_verbs() -> None:
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
def test_our_errors_are_one_line_and_a_code(
    monkeypatch: pytest.MonkeyPatch, error: type[EdgesegError]
) -> None:
    def fail(*args: object, **more: object) -> None:
        raise error("what was wrong, and what to do")

    monkeypatch.setattr(draw.draw, "callback", fail)
    done = CliRunner().invoke(cli.cli, ["draw"])
    assert done.exit_code == error.exit_code
    assert done.stderr == "edgeseg: what was wrong, and what to do\n" and done.stdout == ""


def test_ctrl_c_ends_with_130_and_a_bug_with_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **more: object) -> None:
        raise KeyboardInterrupt

    def broken(*args: object, **more: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(draw.draw, "callback", interrupted)
    assert CliRunner().invoke(cli.cli, ["draw"]).exit_code == 130
    monkeypatch.setattr(draw.draw, "callback", broken)
    done = CliRunner().invoke(cli.cli, ["draw"])
    assert done.exit_code == 1 and isinstance(done.exception, ZeroDivisionError)


def test_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgeseg", "draw", "--size", "64", "-o", str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [str(tmp_path / "fundus_0.png")]


def test_who_reads_no_further_ends_it_in_silence(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-u",
        "-m",
        "edgeseg",
        "draw",
        "--size",
        "64",
        "--count",
        "200",
        "-o",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
    assert 0 < len(list(tmp_path.iterdir())) < 200


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["info", "default"], ["info", "default", "--json"]]
)
def test_a_full_disk_under_what_is_printed_is_one_line(
    arguments: list[str], unbuffered: str
) -> None:
    """Python keeps what it could not write, tries again at its end, and would exit with 120."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    command = [sys.executable, "-m", "edgeseg", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )
    assert done.returncode == 7
    assert done.stderr.splitlines() == [
        "edgeseg: standard output: cannot be written (the disk is full). "
        "Free some space or choose another disk."
    ]


def test_another_error_of_the_system_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise FileNotFoundError(2, "No such file")

    monkeypatch.setattr(cli, "cli", broken)
    with pytest.raises(FileNotFoundError):
        cli.main()
