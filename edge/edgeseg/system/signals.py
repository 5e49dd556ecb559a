"""Ctrl-C and SIGTERM: the current frame is finished, then the run stops."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SLEEP_STEP_S = 0.1


class StopRequest:
    """Request to stop a run.

    It uses a plain attribute and short sleeps, because a signal may interrupt the thread that holds
    the lock of a `threading.Event`.

    Attributes:
        signal: number of the signal that requested the stop; 0 without a request.
    """

    def __init__(self) -> None:
        self.signal = 0

    def ask(self, number: int = signal.SIGTERM) -> None:
        """Request the stop.

        Args:
            number: number of the signal; only the first one is stored.
        """
        self.signal = self.signal or number

    @property
    def asked(self) -> bool:
        """True if a stop was requested."""
        return self.signal != 0

    def pause(self, seconds: float) -> None:
        """Sleep until the time is over or a stop is requested."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(_SLEEP_STEP_S, left))


@contextmanager
def stop_by_signals() -> Iterator[StopRequest]:
    """Yield a stop request that Ctrl-C and SIGTERM set; a second Ctrl-C interrupts immediately."""
    stop = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.signal == signal.SIGINT == number:
            raise KeyboardInterrupt
        stop.ask(number)

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
