"""What people look at while a network trains."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from edgeseg.errors import SystemSetupError
from edgeseg_train.reporting.log import LogEntry, read_log, write_log
from edgeseg_train.reporting.progress import ProgressDisplay, tensorboard

POINT = LogEntry(40, 2.5, 61.0, 1e-3, 0.31, 0.62, 0.45, 0.35, 0.71, 0.55, 0.4)


def test_a_pipe_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay() as display:
        display.show(POINT, 0.25)
    out, said = capsys.readouterr()
    assert out == ""
    line = "25% epoch 2.5 loss 0.310 Dice 0.620 validation 0.7100 best 0.7100 3:03 left"
    assert " ".join(said.split()) == line


def test_tensorboard_gets_every_figure(tmp_path: Path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="the extra 'tensorboard' is not installed",
    )
    tensorboard(tmp_path)(POINT)
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    names = {
        "training/loss",
        "training/Dice",
        "validation/loss",
        "validation/Dice",
        "learning rate",
    }
    assert set(events.Tags()["scalars"]) == names
    assert events.Scalars("validation/Dice")[0].value == pytest.approx(0.71)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_full_disk_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    writer = pytest.importorskip(
        "torch.utils.tensorboard", reason="the extra 'tensorboard' is not installed"
    )

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer.SummaryWriter, "__init__" if at_once else "flush", full)
    with pytest.raises(SystemSetupError, match="No space left"):
        tensorboard(tmp_path)(POINT)


def test_the_log_goes_on_where_the_checkpoint_was(tmp_path: Path) -> None:
    later = LogEntry(80, 5.0, 99.0, 1e-4, 0.2, 0.7, 0.54)
    write_log([POINT, later], tmp_path / "log.csv")
    assert read_log(tmp_path / "log.csv", 80) == [POINT, later]
    assert read_log(tmp_path / "log.csv", 79) == [POINT]
    assert read_log(tmp_path / "none.csv", 80) == []
