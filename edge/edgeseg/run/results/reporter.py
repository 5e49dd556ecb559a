"""What a run says: a line or a JSON object for each result, errors on standard error, and the count of it all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import click

from edgeseg.run.results.frame_result import FrameResult
from edgeseg.system.files import write_errors_named
from edgeseg.system.signals import RateLimitedMessage

_EVERY_S = 60.0


def print_message(line: str) -> None:
    """One line on standard error."""
    click.echo(f"edgeseg: {line}", err=True)


def print_result(line: str) -> None:
    """One line on standard output.

    Raises:
        SurroundingsError: It cannot be written, as when the disk is full that it goes to.
    """
    try:
        click.echo(line)
    except BrokenPipeError:
        raise  # whoever read has seen enough: click ends the run
    except OSError:
        with write_errors_named("standard output"):
            raise


class FrameCounts:
    """Of one source's frames."""

    def __init__(self) -> None:
        self.segmented = self.failed = self.done_before = 0
        self.no_fundus = self.ungradable = self.repeated = self.dropped = 0

    def add(self, record: FrameResult) -> None:
        """Count one more."""
        self.segmented += record.error is None and record.skipped is None
        self.failed += record.error is not None
        self.done_before += record.skipped == "done before"
        self.no_fundus += record.skipped == "no fundus"
        self.ungradable += bool(
            record.quality and record.quality.ungradable and record.skipped != "no fundus"
        )
        self.repeated += record.repeats > 0
        self.dropped += record.frame.dropped

    @property
    def pictures(self) -> int:
        """Frames that could be decoded."""
        return self.segmented + self.done_before + self.no_fundus + self.ungradable

    def line(self) -> str:
        """For people; what did not happen is left out."""
        words = {
            "segmented": self.segmented,
            "ungradable": self.ungradable,
            "without a fundus": self.no_fundus,
            "repeated": self.repeated,
            "damaged": self.failed,
            "dropped": self.dropped,
            "done before": self.done_before,
        }
        return ", ".join(f"{count} {word}" for word, count in words.items() if count) or "no frame"


class Reporter:
    """Tells the results of one source as they come.

    Args:
        name: The source's.
        stream: Whether frames are told by a line a minute; photographs have one each.
        as_json: One JSON object for each frame, instead.
        clock: Seconds.
    """

    def __init__(
        self, name: str, stream: bool, as_json: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name, self.stream, self.as_json, self.clock = name, stream, as_json, clock
        self.counts = FrameCounts()
        self._damaged = RateLimitedMessage(print_message, clock=clock)
        self._last = clock()

    def tell(self, record: FrameResult) -> None:
        """Tell one result."""
        self.counts.add(record)
        if record.error is not None:
            (self._damaged if self.stream else print_message)(record.error)
        if self.as_json:
            print_result(json.dumps(record.to_dict()))
        elif self.stream:
            self._every_minute()
        elif record.error is None and record.skipped != "done before":
            print_result(record.line())

    def _every_minute(self) -> None:
        if self.clock() - self._last >= _EVERY_S:
            self._last = self.clock()
            print_result(f"{self.name}  {self.counts.line()}")

    def end(self) -> None:
        """Tell what there was, where not every frame was told."""
        if self.stream and not self.as_json:
            print_result(f"{self.name}  {self.counts.line()}")
        elif self.counts.done_before:
            print_message(f"{self.counts.done_before} photographs were done before")
