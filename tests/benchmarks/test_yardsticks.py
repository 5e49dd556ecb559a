"""Costs against their yardsticks."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.photo import encode_png
from edgeseg.synthetic import draw
from edgeseg_benchmarks import yardsticks


def test_both_are_measured_in_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(yardsticks, "ROUNDS", 1)
    monkeypatch.setattr(yardsticks, "WARM_UP", 0)
    monkeypatch.setattr(yardsticks, "pin", lambda threads: None)
    photograph = tmp_path / "eye.png"
    photograph.write_bytes(encode_png(draw(1, 200).photo))
    for arguments in (["start", str(photograph)], ["frame", str(photograph), "1"]):
        yardsticks.main(arguments)
        figures = [float(line.split()[0]) for line in capsys.readouterr().out.splitlines()]
        first, last, ratio = figures
        assert first > 0 and ratio == pytest.approx(last / first, rel=0.1)
