"""Handling of Ctrl-C and SIGTERM: the run stops after the current frame.

A second signal ends the process, even if a library does not return.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_SLEEP_STEP_S = 0.1
_GRACE_S = 0.5  # time for removing temporary files
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Request to stop a run.

    `threading.Event` is not used: a signal handler that sets an event would block if it interrupted
    a thread that holds the lock of the event.

    Attributes:
        signal: number of the signal that requested the stop; 0 if no stop was requested.
    """

    def __init__(self) -> None:
        self.signal = 0

    def ask(self, number: int = signal.SIGTERM) -> None:
        """Request the stop.

        Args:
            number: number of the signal. Only the first number is stored.
        """
        self.signal = self.signal or number

    @property
    def asked(self) -> bool:
        """True if a stop was requested."""
        return self.signal != 0

    def pause(self, seconds: float) -> None:
        """Sleep until the time has elapsed or a stop is requested."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(_SLEEP_STEP_S, left))


@contextmanager
def stop_by_signals() -> Iterator[StopRequest]:
    """Yield a stop request that Ctrl-C and SIGTERM set. A second signal interrupts immediately."""
    stop = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        if not stop.asked:
            stop.ask(number)
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)

    previous = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def end_on_second_signal() -> None:
    """End the process half a second after the second SIGINT or SIGTERM.

    Python's signal handlers do not run while a library computes, for example in an endless loop of
    a model. Therefore a thread waits for the signals. This function must be called in the main
    thread.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # Signals to a forked child must not reach this process.
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    thread = threading.Thread(target=_wait_for_second_signal, args=(reader,), daemon=True)
    with suppress(RuntimeError):  # not enough memory for a thread; the command reports this later
        thread.start()


def _wait_for_second_signal(reader: int) -> None:
    count = 0
    while count < 2:
        number = os.read(reader, 1)[0]
        count += number in _SIGNALS
    time.sleep(_GRACE_S)
    os._exit(128 + number)
