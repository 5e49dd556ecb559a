"""Progress of `edgeseg batch`: a bar on a terminal, otherwise one line per minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgeseg.console import print_line

if TYPE_CHECKING:
    from edgeseg.batch.progress import JobProgress

_INTERVAL_S = 60.0


@contextmanager
def show_job_progress() -> Iterator[Callable[[int], JobProgress]]:
    """Yield a function that starts the display for a number of photographs."""
    from edgeseg.batch.progress import JobProgress

    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda total: JobProgress(total, _line_printer())
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        def start(total: int) -> JobProgress:
            task = bar.add_task("starting", total=total)

            def update(progress: JobProgress) -> None:
                bar.update(task, completed=progress.done, description=progress.describe())

            return JobProgress(total, update)

        yield start


def _line_printer() -> Callable[[JobProgress], None]:
    last = time.monotonic()

    def update(progress: JobProgress) -> None:
        nonlocal last
        if time.monotonic() - last >= _INTERVAL_S:
            last = time.monotonic()
            print_line(f"edgeseg: {progress.describe()}", err=True)

    return update
