"""Background tasks in threads."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class BackgroundTask(Generic[T]):
    """Run a function in a thread. For work that releases the GIL, such as compression.

    `concurrent.futures` is not used, because it imports `logging`: 2 % of the time of a whole run.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(function,), name="background")
        self._thread.start()

    def _run(self, function: Callable[[], T]) -> None:
        try:
            self._results.append(function())
        except BaseException as error:  # result() raises it
            self._error = error

    def result(self) -> T:
        """Wait for the function and return its result.

        Raises:
            BaseException: the function's exception, at each call.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._results[0]
