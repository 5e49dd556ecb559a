"""Outcomes of an input, and the restart of a worker that crashes, hangs or exhausts memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeseg.errors import EdgesegError, PhotoError
from edgeseg_benchmarks.worker.process import child_environment
from fuzz import supervisor
from fuzz.reader import Outcome, Reader
from fuzz.readers import build_reader, reader_names
from fuzz.supervisor import ReaderResult, run_reader
from fuzz.table import format_tables
from fuzz.worker import Finding, Report, Task, make_input, read_input

# Worker whose reader returns the length of the file, except for one input.
WORKER = """
import os, time
import fuzz.worker
from fuzz.reader import Reader
read = fuzz.worker.read_input
numbers = iter(range(1000))
def read_input(reader, data, expected, folder):
    if next(numbers) == 3:
        {action}
    return "same", ""
fuzz.worker.read_input = read_input
fuzz.worker.main()
"""
TASK = Task("PNG", seed=5, first=0, inputs=8, seconds=300)


def raise_error(error: Exception) -> Callable[[bytes, Path], object]:
    def read(_data: bytes, _folder: Path) -> object:
        raise error

    return read


@pytest.mark.parametrize(
    ("read", "outcome"),
    [
        (lambda data, _folder: data, "same"),
        (lambda data, _folder: data[1:], "different"),
        (raise_error(PhotoError("eye.png: damaged")), "error"),
        (raise_error(EdgesegError(" ")), "finding"),
        (raise_error(ValueError("x")), "finding"),
        (raise_error(RecursionError()), "finding"),
    ],
)
def test_read_input_outcome(
    read: Callable[[bytes, Path], object], outcome: Outcome, tmp_path: Path
) -> None:
    reader = Reader("test", b"abc", read)
    actual, detail = read_input(reader, b"abc", b"abc", tmp_path)
    assert actual == outcome
    assert bool(detail) == (outcome == "finding")


def test_make_input_is_reproducible_and_depends_on_number() -> None:
    reader = Reader("test", bytes(range(256)), lambda data, _folder: data)
    assert make_input(reader, 1, 7) == make_input(reader, 1, 7)
    assert len({make_input(reader, 1, number)[1] for number in range(20)}) > 15


@pytest.mark.parametrize(
    ("action", "detail"),
    [("os.abort()", "exit code -6"), ("time.sleep(600)", "exit code -9")],
    ids=["crash", "hang"],
)
def test_run_reader_reports_a_worker_that_dies(
    action: str, detail: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dying_worker.py").write_text(WORKER.format(action=action))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(supervisor, "WORKER", "dying_worker")
    monkeypatch.setattr(supervisor, "MAX_SECONDS", 1.0)
    result = run_reader(TASK, tmp_path / "findings")
    assert [finding.number for finding in result.findings] == [3, 7]
    assert all(finding.detail.startswith(detail) for finding in result.findings)
    saved = {file.name for file in (tmp_path / "findings").iterdir()}
    assert saved == {"PNG-5-3.bin", "PNG-5-3.txt", "PNG-5-7.bin", "PNG-5-7.txt"}
    expected = make_input(build_reader("PNG"), 5, 3)[1]
    assert (tmp_path / "findings" / "PNG-5-3.bin").read_bytes() == expected


def test_tables_contain_counts_by_reader_and_mutation() -> None:
    result = ReaderResult("PNG")
    counts = {"flip_bits same": 3, "flip_bits visible": 1, "truncate finding": 2}
    result.add(Report(6, counts, 0.25, [Finding(1, "truncate", "")] * 2))
    outcomes, mutations = format_tables([result]).split("\n\n")
    assert "| PNG | 6 | 3 | 0 | 1 | 1 | 2 | 0.2 |" in outcomes
    assert "| PNG | 25.0 | 0 |" in mutations


def test_reader_names_are_unique_and_have_no_path_separators() -> None:
    names = reader_names()
    assert len(set(names)) == len(names)
    assert not any("/" in name for name in names)


@pytest.mark.slow
def test_fuzz_sample_has_no_finding(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fuzz", "--inputs", "30", "--seed", "23", "-o", str(tmp_path)]
    done = subprocess.run(
        command, env=child_environment(1), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"| all | {30 * len(reader_names()):,} |" in done.stdout
