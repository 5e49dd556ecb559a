"""Ctrl-C and SIGTERM: the frame in hand is finished, then the run ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

Say: TypeAlias = Callable[[str], None]
"""Tells the user one line."""

_STEP_S = 0.1


class StopRequest:
    """Whether the run has been asked to end.

    A plain attribute and short sleeps: an Event's lock could be held by the very thread that the signal interrupts.
    """

    def __init__(self) -> None:
        self.signal = 0

    def ask(self, number: int = signal.SIGTERM) -> None:
        """Ask for the end, by the number of the signal that did; the first one counts."""
        self.signal = self.signal or number

    @property
    def asked(self) -> bool:
        """Whether the end was asked for."""
        return self.signal != 0

    def pause(self, seconds: float) -> None:
        """Sleep, but not longer than until the end is asked for."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(_STEP_S, left))


@contextmanager
def stop_by_signals() -> Iterator[StopRequest]:
    """A Stop that Ctrl-C and SIGTERM ask; a second Ctrl-C interrupts at once."""
    stop = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        if stop.signal == signal.SIGINT == number:
            raise KeyboardInterrupt
        stop.ask(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class RateLimitedMessage:
    """Says a line of one kind at most once a minute, with how many were kept back."""

    def __init__(
        self, say: Say, every_s: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say, self._every_s, self._clock = say, every_s, clock
        self._last: float | None = None
        self._kept_back = 0

    def __call__(self, line: str) -> bool:
        """Say it, or keep it back -> whether it was said."""
        if self._last is not None and self._clock() - self._last < self._every_s:
            self._kept_back += 1
            return False
        more = f" (and {self._kept_back} more like it)" if self._kept_back else ""
        self._last, self._kept_back = self._clock(), 0
        self._say(f"{line}{more}")
        return True
