"""Tests of the progress of long steps."""

from __future__ import annotations

import sys

import pytest
from rich import console

from edgeseg_export.report import progress
from edgeseg_export.report.progress import show_steps


def test_show_steps_prints_one_line_per_stage_without_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with show_steps("net.int8.onnx") as report:
        for stage in ("calibration", "search"):
            for step in range(5):
                report(stage, step, 5)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 2
    assert all("net.int8.onnx" in line for line in lines)
    assert ["calibration" in line for line in lines] == [True, False]


def test_show_steps_prints_time_left_when_interval_is_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic", iter([0.0, 10.0, 40.0]).__next__)
    with show_steps("net.int8.onnx") as report:
        for step in range(3):
            report("search", step, 10)
    first, second = capsys.readouterr().err.splitlines()
    assert "left" not in first
    assert "step 3 of 10, about 160 s left" in second


def test_show_steps_draws_bar_on_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_terminal(stderr: bool) -> console.Console:
        assert stderr
        return console.Console(file=sys.stderr, force_terminal=True, width=80)

    monkeypatch.setattr(progress, "Console", open_terminal)
    with show_steps("net.int8.onnx") as report:
        report("search", 1, 4)
        report("search", 2, 4)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "search" in captured.err
    assert "2/4" in captured.err
