"""What people look at while a network trains: a live line on a terminal, plain lines in a pipe, TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from edgeseg.errors import SystemSetupError
from edgeseg_train.reporting.log import LogEntry

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

PLAIN_EACH = 20.0
"""Seconds between lines where there is no terminal."""


class ProgressDisplay:
    """Tells of a run; use it as a context."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.percentage:3.0f}%"),
            BarColumn(24),
            TextColumn("{task.description}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID = self._bar.add_task("starting", total=1.0)
        self._said, self._best = 0.0, 0.0

    def __enter__(self) -> ProgressDisplay:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, point: LogEntry, progress: float) -> None:
        """A point of the run, and how much of it is done, 0 to 1."""
        self._best = max(self._best, point.validation_dice or 0.0)
        now, since = _parts(point, progress, self._best)
        # Two lines: on one, a terminal of 80 letters would cut off the time that is left.
        self._bar.update(self._task, completed=min(progress, 1.0), description=f"{now}\n{since}")
        silent = time.monotonic() - self._said
        if not self._console.is_terminal and (
            point.validation_dice is not None or silent > PLAIN_EACH
        ):
            click.echo(f"{min(progress, 1):4.0%}  {now}  {since}".rstrip(), err=True)
            self._said = time.monotonic()


def _parts(point: LogEntry, progress: float, best: float) -> tuple[str, str]:
    """Training, and what validation and the clock say."""
    left = point.seconds * (1 - progress) / progress if progress > 0.005 else None
    parts = [
        f"validation {point.validation_dice:.4f}" if point.validation_dice is not None else "",
        f"best {best:.4f}" if best else "",
        f"{_minutes(left)} left" if left is not None and progress < 1 else "",
    ]
    training = f"epoch {point.epoch:.1f}  loss {point.loss:.3f}  Dice {point.dice:.3f}"
    return training, "  ".join(part for part in parts if part)


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def tensorboard(folder: Path) -> Callable[[LogEntry], None]:
    """Writes events into `folder` where TensorBoard is installed, else nothing.

    Raises:
        SurroundingsError: they cannot be written, also by what is returned.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415
    except ImportError:
        return lambda point: None
    with _told(folder):
        writer = SummaryWriter(str(folder))

    def write(point: LogEntry) -> None:
        with _told(folder):
            _write(writer, point)

    return write


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """A full disk is no bug: TensorBoard writes in ways of its own."""
    try:
        yield
    except OSError as error:
        raise SystemSetupError(
            f"{folder}: TensorBoard's events cannot be written ({error.strerror})"
        ) from error


def _write(writer: SummaryWriter, point: LogEntry) -> None:
    for name, value in (
        ("training/loss", point.loss),
        ("training/Dice", point.dice),
        ("validation/loss", point.validation_loss),
        ("validation/Dice", point.validation_dice),
        ("learning rate", point.learning_rate),
    ):
        if value is not None:
            writer.add_scalar(name, value, point.step)
    writer.flush()
