"""`benchmarks/endurance.py`: samples of a running process, and their comparison."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import endurance
from endurance import Usage, find_growth, main


def test_find_growth_ignores_the_warm_up() -> None:
    rows = [Usage(100 * number, 50.0 + 50 * (number > 0), 7, 3) for number in range(11)]
    assert find_growth(rows, 5.0) == []


def test_find_growth_ignores_the_index_of_the_video() -> None:
    rows = [Usage(100_000, 100.0, 7, 3), Usage(1_000_000, 180.0, 7, 3)]
    assert find_growth(rows, 5.0) == []
    assert len(find_growth([rows[0], rows[1]._replace(memory_mb=200.0)], 5.0)) == 1


@pytest.mark.parametrize(
    "last", [Usage(1000, 106.0, 7, 3), Usage(1000, 100.0, 8, 3), Usage(1000, 100.0, 7, 4)]
)
def test_find_growth_reports_each_resource(last: Usage) -> None:
    assert len(find_growth([Usage(100, 100.0, 7, 3), last], 5.0)) == 1


@pytest.mark.slow
def test_endurance_segments_every_frame(tiny_model: Path) -> None:
    options = ["--model", str(tiny_model), "--threads", "1"]
    done = CliRunner().invoke(main, ["40", "--samples", "10", "--growth", "50", "--", *options])
    assert done.exit_code == 0, done.output
    assert done.output.count("\n| ") == 10


@pytest.mark.slow
def test_endurance_fails_when_a_frame_is_not_segmented(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endurance, "encode_jpeg", lambda _photo: b"\xff\xd8\xff\xd9")
    done = CliRunner().invoke(main, ["40", "--samples", "10", "--", "--model", str(tiny_model)])
    assert done.exit_code == 1
