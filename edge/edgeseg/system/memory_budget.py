"""Limit of the memory that several threads use at the same time."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from edgeseg.system.allocator import release_freed_memory

_MIN_RELEASE_BYTES = 256 << 20  # smaller reservations do not justify the time of a release


class MemoryBudget:
    """Memory that threads reserve before they process a photograph.

    Threads receive memory in the order of their requests. Otherwise, small photographs could delay
    a large photograph indefinitely.

    Args:
        limit: bytes that all threads together may reserve.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._reserved = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """Number of threads that wait for memory."""
        return len(self._waiting)

    @contextmanager
    def reserve(self, required: int, timeout_s: float | None = None) -> Iterator[None]:
        """Wait until the memory is available, and reserve it until the end of the context.

        If a thread requires more than the limit, it waits until no memory is reserved.

        Args:
            required: required memory in bytes.
            timeout_s: maximum waiting time in seconds; None for no limit.

        Raises:
            TimeoutError: The memory did not become available in time.
        """
        self._acquire(required, timeout_s)
        try:
            if required > _MIN_RELEASE_BYTES:
                release_freed_memory()
            yield
        finally:
            with self._changed:
                self._reserved -= required
                self._changed.notify_all()

    def _acquire(self, required: int, timeout_s: float | None) -> None:
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                available = self._changed.wait_for(
                    lambda: self._waiting[0] is ticket and self._is_available(required), timeout_s
                )
                if not available:
                    raise TimeoutError
                self._reserved += required
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()  # the next thread may also have enough memory

    def _is_available(self, required: int) -> bool:
        return not self._reserved or self._reserved + required <= self._limit
