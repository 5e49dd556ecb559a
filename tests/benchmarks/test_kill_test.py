"""`benchmarks/kill_test.py`: detection of incomplete files, and a short run."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kill_test import check_files, check_image, check_result, main


def test_check_files_reports_an_incomplete_file(tmp_path: Path) -> None:
    expected = {"a.png": b"abc", "b.png": b"def"}
    (tmp_path / "a.png").write_bytes(b"ab")
    (tmp_path / "b.png").write_bytes(b"def")
    (tmp_path / ".edgeseg-0123456789abcdef.tmp").write_bytes(b"d")
    assert check_files(tmp_path, expected, check_result) == ["a.png: differs"]


@pytest.mark.parametrize(
    ("rows", "problem"), [("a\nb\n", ""), ("a\nb", "differs"), ("x\n", "differs")]
)
def test_check_result_accepts_table_without_last_rows(
    rows: str, problem: str, tmp_path: Path
) -> None:
    (tmp_path / "measures.csv").write_text(rows)
    assert check_result(tmp_path / "measures.csv", b"a\nb\nc\n") == problem


@pytest.mark.parametrize("name", ["overlay.mp4", "overlay.jpg", "vessels.png"])
def test_check_image_rejects_an_incomplete_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    assert check_image(tmp_path / name, b"")


@pytest.mark.slow
def test_kill_test_of_run_and_stream_has_no_problems() -> None:
    done = CliRunner().invoke(main, ["4", "--command", "run", "--command", "stream"])
    assert done.exit_code == 0, done.output
    assert done.output.count("| 2 | none |") == 2
