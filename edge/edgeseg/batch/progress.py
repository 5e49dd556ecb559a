"""Progress of a job: rate, remaining time and failures."""

import itertools
import time
from collections.abc import Callable

from edgeseg.batch.messages import PhotographDone


class JobProgress:
    """Counter of a shard's files.

    Args:
        total: number of files to process in this call.
        changed: callback after every change.
        clock: monotonic clock in seconds.

    Attributes:
        done: number of processed files.
        failed: number of files with a failed photograph.
    """

    def __init__(
        self,
        total: int,
        changed: Callable[["JobProgress"], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = total
        self.done = 0
        self.failed = 0
        self._changed = changed
        self._clock = clock
        self._start = clock()

    def add(self, photograph: PhotographDone) -> None:
        """Count a file."""
        self._count(photograph, 1)
        self._changed(self)

    def take_back(self, photograph: PhotographDone) -> None:
        """Subtract a file that will be processed again."""
        self._count(photograph, -1)

    def _count(self, photograph: PhotographDone, number: int) -> None:
        self.done += number
        self.failed += number * photograph.failed

    @property
    def rate(self) -> float:
        """Files per second since the start."""
        return self.done / max(self._clock() - self._start, 1e-3)

    def describe(self) -> str:
        """Return the progress in one line."""
        left = ""
        if self.done:
            left = f", {format_duration((self.total - self.done) / self.rate)} left"
        return (
            f"{self.done:,} of {self.total:,} files, {self.rate:.1f}/s{left}, "
            f"{self.failed:,} failed"
        )


def format_duration(seconds: float) -> str:
    """Return a duration in two units: `42 s`, `3 min 20 s`, `5 h 7 min`, `2 d 3 h`."""
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    rest = round(seconds)
    for (size, name), (smaller, small_name) in itertools.pairwise(units):
        if rest >= size:
            return f"{rest // size} {name} {rest % size // smaller} {small_name}"
    return f"{rest} s"
