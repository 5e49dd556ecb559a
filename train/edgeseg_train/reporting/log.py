"""What a run says of itself as it goes on, and the file `log.csv` that keeps it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from edgeseg.errors import SystemSetupError
from edgeseg.system.files import write_atomically


@dataclass(frozen=True)
class LogEntry:
    """A moment of a run. Training figures are means since the moment before; None where nothing was validated.

    Attributes:
        step: steps done.
        epoch: epochs done.
        seconds: of all sittings.
        learning_rate: of the last step.
        loss: of training crops.
        dice: of training crops at threshold 0.5, pixels of a batch together.
        iou: the same.
        validation_loss: of validation photographs at the first working size.
        validation_dice: at their own size, mean over data sets, at the best threshold.
        validation_iou: the same.
        threshold: the best for those photographs.
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


def write_log(points: Sequence[LogEntry], file: Path) -> None:
    """`log.csv`, whole."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(LogEntry)], lineterminator="\n")
    writer.writeheader()
    for point in points:
        writer.writerow({key: _shown(value) for key, value in asdict(point).items()})
    write_atomically(file, text.getvalue().encode())


def read_log(file: Path, up_to_step: int) -> list[LogEntry]:
    """The points of an earlier sitting, as far as its checkpoint had come.

    Raises:
        SurroundingsError: the file is not a log of ours.
    """
    if not file.exists():
        return []
    try:
        rows = list(csv.DictReader(file.read_text().splitlines()))
        points = [_point(row) for row in rows]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SystemSetupError(
            f"{file}: not a log of `edgeseg train` ({error}); move it away"
        ) from error
    return [point for point in points if point.step <= up_to_step]


def _point(row: dict[str, str]) -> LogEntry:
    values = {key: float(value) if value else None for key, value in row.items()}
    step = values.pop("step")
    if step is None or set(values) | {"step"} != {field.name for field in fields(LogEntry)}:
        raise ValueError("unknown columns")
    return LogEntry(step=int(step), **values)  # type: ignore[arg-type]


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.6g}"
