"""Progress of a long conversion step, on standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edgeseg.console import print_line
from edgeseg.errors import escape_text

ReportSteps: TypeAlias = Callable[[str, int, int], None]
"""Function that is called with a stage, the number of finished steps, and the total."""

# Seconds between two lines of the same stage if standard error is not a terminal.
INTERVAL_S = 30.0


@contextmanager
def show_steps(subject: str) -> Iterator[ReportSteps]:
    """Show a bar with the remaining time on a terminal.

    If standard error is not a terminal, print one line per stage and half minute.

    Args:
        subject: name of the result, such as a file name.
    """
    subject = escape_text(subject)
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _LineReporter(subject).report
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(subject)
        stages: list[str] = []

        def report(stage: str, done: int, total: int) -> None:
            if stages != [stage]:
                stages[:] = [stage]
                progress.reset(task)  # the duration of a step depends on the stage
            progress.update(task, description=f"{subject}: {stage}", completed=done, total=total)

        yield report


class _LineReporter:
    """Reporter that prints the first step of each stage, then at most one line per `INTERVAL_S`."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._stage = ""
        self._started = 0.0
        self._printed = 0.0

    def report(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        is_new = stage != self._stage
        if is_new:
            self._stage = stage
            self._started = now
        elif now - self._printed < INTERVAL_S:
            return
        self._printed = now
        line = f"edgeseg: {self._subject}: {stage}, step {done + 1} of {total}"
        if done:
            left = (now - self._started) / done * (total - done)
            line += f", about {left:.0f} s left"
        print_line(line, err=True)
