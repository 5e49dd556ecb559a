"""Runs with closed standard streams, which must write the same results as other runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from edgeseg.imaging.encoder import encode_png
from edgeseg.synthetic import generate_photo
from edgeseg.system.standard_streams import divert_stdout

COUNT = 20


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(COUNT):
        photo = generate_photo(number % 4, 160).photo
        photo[0, 0] = number
        (folder / f"{number}.png").write_bytes(encode_png(photo))
    return folder


def run(model: Path, photographs: Path, output: Path, redirections: str) -> dict[str, bytes]:
    shell = f'exec "$@" {redirections}'
    command = [sys.executable, "-m", "edgeseg", "run", "--model", str(model), "--threads", "1"]
    done = subprocess.run(
        ["sh", "-c", shell, "sh", *command, str(photographs), "-o", str(output)],
        capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {file.name: file.read_bytes() for file in output.iterdir()}


@pytest.fixture(scope="module")
def undisturbed(
    tiny_model: Path, photographs: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    return run(tiny_model, photographs, tmp_path_factory.mktemp("undisturbed"), "")


@pytest.mark.slow
@pytest.mark.parametrize("redirections", ["2>&-", ">&-", "<&-", "<&- >&-", "<&- >&- 2>&-"])
def test_run_with_closed_streams_writes_the_same_files(
    redirections: str,
    tiny_model: Path,
    photographs: Path,
    undisturbed: dict[str, bytes],
    tmp_path: Path,
) -> None:
    contents = run(tiny_model, photographs, tmp_path, redirections)
    assert len(contents) == 2 * COUNT
    assert contents == undisturbed
    for name in contents:
        assert cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED) is not None


def test_run_with_full_disk_at_standard_error_continues(
    tiny_model: Path, photographs: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.touch()
    command = [sys.executable, "-m", "edgeseg", "run", "--model", str(tiny_model)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*command, str(bad), str(photographs), "-o", str(tmp_path / "out")],
            stdout=subprocess.DEVNULL, stderr=full, timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert len(list((tmp_path / "out").iterdir())) == 2 * COUNT


@pytest.mark.parametrize("kibibytes", [250_000, 350_000])
def test_run_with_little_address_space_exits_with_7_and_one_line(
    tiny_model: Path, photographs: Path, tmp_path: Path, kibibytes: int
) -> None:
    shell = ["sh", "-c", f'ulimit -v {kibibytes}; exec "$@"', "sh"]
    command = [sys.executable, "-m", "edgeseg", "run", "--model", str(tiny_model)]
    done = subprocess.run(
        [*shell, *command, str(photographs), "-o", str(tmp_path)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 7
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [["measure"], ["batch", "-o", "out", "--workers", "1"]])
def test_other_commands_with_little_address_space_exit_with_7_and_one_line(
    command: list[str], photographs: Path, tmp_path: Path
) -> None:
    shell = ["sh", "-c", 'ulimit -v 150000; exec "$@"', "sh", sys.executable, "-m", "edgeseg"]
    photograph = str(next(photographs.iterdir()))
    environment = {name: value for name, value in os.environ.items() if "_THREADS" not in name}
    done = subprocess.run(
        [*shell, *command, photograph], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 7
    assert len(done.stderr.splitlines()) == 1


PRINTING_PROGRAM = """
import ctypes, os, subprocess, sys
from edgeseg.system.standard_streams import divert_stdout

library = ctypes.CDLL(None)
print("result 1")
with divert_stdout():
    print("from Python")
    os.write(1, b"from a descriptor, ")
    library.printf(b"from C, ")
    subprocess.run([sys.executable, "-c", "print('from a child')"])
print("result 2")
"""


def test_divert_stdout_leaves_only_results_on_standard_output() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINTING_PROGRAM],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "result 1\nresult 2\n"
    for source in ("Python", "a descriptor", "C", "a child"):
        assert f"from {source}" in done.stderr


def test_divert_stdout_restores_standard_output_after_an_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="x"), divert_stdout():
        raise ValueError("x")
    print("result", flush=True)  # noqa: T201
    os.write(1, b"result")
    assert capfd.readouterr().out == "result\nresult"
