"""Work that goes on in a thread of its own until its result is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class BackgroundTask(Generic[T]):
    """What `make` gives, made in a thread; for what leaves Python's lock alone, as loading a network does.

    `concurrent.futures` would do, but loads `logging` and more: a fiftieth of the time that a whole run takes.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._made: tuple[T] | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(make,), name="meanwhile")
        self._thread.start()

    def _run(self, make: Callable[[], T]) -> None:
        try:
            self._made = (make(),)
        except BaseException as error:  # raised where the result is asked for
            self._error = error

    def result(self) -> T:
        """Wait for it.

        Raises:
            BaseException: What `make` raised, each time.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._made is not None
        return self._made[0]

    def take(self) -> T:
        """As `result`, and keep it no longer: it can be large."""
        made = self.result()
        self._made = None
        return made
