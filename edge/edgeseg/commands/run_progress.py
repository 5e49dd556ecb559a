"""Progress bar of `edgeseg run`."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def show_progress(total: int | None) -> Iterator[Callable[[], None]]:
    """Show a progress bar if standard error is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty() or total == 1:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    rate_column = TextColumn("{task.description}")
    columns = (BarColumn(), MofNCompleteColumn(), rate_column, TimeRemainingColumn())
    console = Console(stderr=True)
    start = time.monotonic()
    count = 0
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("", total=total)

        def advance() -> None:
            nonlocal count
            count += 1
            rate = count / (time.monotonic() - start)
            bar.update(task, advance=1, description=f"{rate:.1f} photographs/s")

        yield advance
