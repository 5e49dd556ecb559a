"""Limit of the memory that several threads use at the same time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edgeseg.system.allocator import release_freed_memory

_LARGE_BYTES = 256 << 20


class MemoryBudget:
    """Memory that threads reserve before they process a photograph.

    Args:
        limit: bytes that all threads together may reserve.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._reserved = 0
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, required: int) -> Iterator[None]:
        """Wait until the memory is available, and reserve it until the end of the context.

        If a thread requires more than the limit, it waits until no memory is reserved.

        Args:
            required: required memory in bytes.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_available(required))
            self._reserved += required
        try:
            if required > _LARGE_BYTES:
                release_freed_memory()
            yield
        finally:
            with self._changed:
                self._reserved -= required
                self._changed.notify_all()

    def _is_available(self, required: int) -> bool:
        return not self._reserved or self._reserved + required <= self._limit
