"""Rate limit for repeated messages."""

import time
from collections.abc import Callable
from typing import TypeAlias

MessageCallback: TypeAlias = Callable[[str], None]  # function that prints one line


class RateLimitedMessage:
    """Limiter that shows at most one message per minute and counts the suppressed messages.

    Args:
        show: function that shows a line to the user.
        interval_s: minimum time between two messages in seconds.
        clock: monotonic clock in seconds.
    """

    def __init__(
        self,
        show: MessageCallback,
        interval_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._show, self._interval_s, self._clock = show, interval_s, clock
        self._last_shown: float | None = None
        self._suppressed = 0

    def __call__(self, line: str) -> bool:
        """Show a line or suppress it. Return True if it was shown."""
        now = self._clock()
        if self._last_shown is not None and now - self._last_shown < self._interval_s:
            self._suppressed += 1
            return False
        if self._suppressed:
            line = f"{line} (and {self._suppressed} similar messages)"
        self._last_shown, self._suppressed = now, 0
        self._show(line)
        return True
