"""Progress display and TensorBoard events."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from edgeseg.errors import SystemSetupError
from edgeseg_train.reporting.log import LogEntry
from edgeseg_train.reporting.progress import ProgressDisplay, open_tensorboard

ENTRY = LogEntry(40, 2.5, 61.0, 1e-3, 0.31, 0.62, 0.45, 0.35, 0.71, 0.55, 0.4)


def test_progress_display_without_terminal_prints_plain_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ProgressDisplay() as display:
        display.show(ENTRY, 0.25)
    out, err = capsys.readouterr()
    assert out == ""
    line = "25% epoch 2.5 loss 0.310 Dice 0.620 validation 0.7100 best 0.7100 3:03 left"
    assert " ".join(err.split()) == line


def test_open_tensorboard_writes_every_scalar(tmp_path: Path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="the extra 'tensorboard' is not installed",
    )
    open_tensorboard(tmp_path)(ENTRY)
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


@pytest.mark.parametrize("when_opened", [True, False])
def test_open_tensorboard_on_full_disk_raises_system_setup_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when_opened: bool
) -> None:
    writer = pytest.importorskip(
        "torch.utils.tensorboard", reason="the extra 'tensorboard' is not installed"
    )

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer.SummaryWriter, "__init__" if when_opened else "flush", full)
    with pytest.raises(SystemSetupError, match="No space left"):
        open_tensorboard(tmp_path)(ENTRY)
