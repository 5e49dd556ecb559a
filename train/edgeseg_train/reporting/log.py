"""Log of a training run (`log.csv`)."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edgeseg.errors import SystemSetupError, one_line
from edgeseg.system.files import write_atomically
from edgeseg.system.regular_files import read_regular_file


class LogEntry(msgspec.Struct, frozen=True):
    """Metrics of a training run at one step.

    Training metrics are means since the previous entry. Validation metrics are None if there was no
    validation.

    Attributes:
        step: number of finished steps.
        epoch: number of finished epochs.
        seconds: duration of all sessions in seconds.
        learning_rate: learning rate of the last step.
        loss: loss of training crops.
        dice: Dice of training crops at threshold 0.5, over all pixels.
        iou: IoU of training crops at threshold 0.5, over all pixels.
        validation_loss: loss of validation photographs at the first working size.
        validation_dice: Dice of validation photographs at the original size with the best
            threshold. The value is the mean over the data sets.
        validation_iou: IoU of validation photographs, computed like `validation_dice`.
        threshold: best threshold on validation photographs.
    """

    step: int
    epoch: float
    seconds: float
    learning_rate: float
    loss: float
    dice: float
    iou: float
    validation_loss: float | None = None
    validation_dice: float | None = None
    validation_iou: float | None = None
    threshold: float | None = None


def write_log(entries: Sequence[LogEntry], file: Path) -> None:
    """Write `log.csv` atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, LogEntry.__struct_fields__, lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        values = msgspec.structs.asdict(entry)
        writer.writerow({key: _round_value(value) for key, value in values.items()})
    write_atomically(file, text.getvalue().encode())


def read_log(file: Path, last_step: int) -> list[LogEntry]:
    """Read the log of an earlier session up to a step. If no log exists, return an empty list.

    Raises:
        SystemSetupError: The file was not written by `edgeseg train`.
    """
    if not file.exists():
        return []
    try:
        rows = csv.DictReader(read_regular_file(file).decode().splitlines())
        entries = [_parse_row(row) for row in rows]
    except (OSError, ValueError, OverflowError, csv.Error, msgspec.ValidationError) as error:
        raise SystemSetupError(
            f"{file}: not a log of `edgeseg train` ({one_line(error)}). Move the file to "
            "another folder."
        ) from error
    return [entry for entry in entries if entry.step <= last_step]


def _parse_row(row: dict[str, str]) -> LogEntry:
    filled = {key: value for key, value in row.items() if value}
    return msgspec.convert(filled, LogEntry, strict=False)


def _round_value(value: float | None) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
