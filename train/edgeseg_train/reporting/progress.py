"""Progress of a training run on standard error, and events for TensorBoard."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from edgeseg.errors import SystemSetupError
from edgeseg_train.reporting.log import LogEntry

# Seconds between two lines if standard error is not a terminal.
PLAIN_LINE_SECONDS = 20.0

# Minimum progress (0 to 1) at which the remaining time is shown.
MIN_PROGRESS = 0.005


class ProgressDisplay(Progress):
    """Context manager that shows the progress of a run on standard error."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        super().__init__(
            TextColumn("{task.percentage:3.0f}%"),
            BarColumn(24),
            TextColumn("{task.description}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self.add_task("starting", total=1.0)
        self._last_line = 0.0
        self._best_dice = 0.0

    def show(self, entry: LogEntry, progress: float) -> None:
        """Show a log entry.

        Args:
            entry: metrics.
            progress: finished share of the run, 0 to 1.
        """
        self._best_dice = max(self._best_dice, entry.validation_dice or 0.0)
        training = f"epoch {entry.epoch:.1f}  loss {entry.loss:.3f}  Dice {entry.dice:.3f}"
        validation = _format_validation(entry, progress, self._best_dice)
        # The text has two lines, because one line is longer than 80 columns.
        self.update(
            self._task, completed=min(progress, 1.0), description=f"{training}\n{validation}"
        )
        if self.console.is_terminal:
            return
        now = time.monotonic()
        if entry.validation_dice is not None or now - self._last_line > PLAIN_LINE_SECONDS:
            click.echo(f"{min(progress, 1):4.0%}  {training}  {validation}".rstrip(), err=True)
            self._last_line = now


def _format_validation(entry: LogEntry, progress: float, best_dice: float) -> str:
    """Format validation Dice, best Dice and remaining time. Missing values are omitted."""
    parts = []
    if entry.validation_dice is not None:
        parts.append(f"validation {entry.validation_dice:.4f}")
    if best_dice > 0:
        parts.append(f"best {best_dice:.4f}")
    if MIN_PROGRESS < progress < 1:
        left = timedelta(seconds=round(entry.seconds * (1 - progress) / progress))
        parts.append(f"{str(left).removeprefix('0:').removeprefix('0')} left")
    return "  ".join(parts)


def open_tensorboard(folder: Path) -> Callable[[LogEntry], None]:
    """Return a function that writes log entries for TensorBoard, if TensorBoard is installed.

    Raises:
        SystemSetupError: The events cannot be written. The returned function also raises this
            error.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415
    except ImportError:
        return lambda entry: None
    with _report_full_disk(folder):
        writer = SummaryWriter(str(folder))

    @_report_full_disk(folder)
    def write_entry(entry: LogEntry) -> None:
        scalars = {
            "training/loss": entry.loss,
            "training/Dice": entry.dice,
            "validation/loss": entry.validation_loss,
            "validation/Dice": entry.validation_dice,
            "learning rate": entry.learning_rate,
        }
        for name, value in scalars.items():
            if value is not None:
                writer.add_scalar(name, value, entry.step)
        writer.flush()

    return write_entry


@contextmanager
def _report_full_disk(folder: Path) -> Iterator[None]:
    """Convert errors of TensorBoard's file access to `SystemSetupError`."""
    try:
        yield
    except OSError as error:
        raise SystemSetupError(
            f"{folder}: cannot write TensorBoard events ({error.strerror}). Free some space or "
            "choose another --out."
        ) from error
