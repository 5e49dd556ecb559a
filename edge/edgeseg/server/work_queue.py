"""Worker threads with a bounded queue of requests."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

from starlette.requests import Request

from edgeseg.server.problems import RequestError

R = TypeVar("R")

MAX_WAITING = 32
"""Maximum number of requests that wait for a worker thread or for their upload."""

_RETRY_S = 5


class AbandonedError(Exception):
    """The client closed the connection before its request was processed."""


class WorkQueue:
    """Worker threads with a limited number of waiting requests.

    Args:
        workers: number of worker threads.
        max_waiting: maximum number of waiting requests.
        max_wait_s: maximum waiting time of a request in seconds.

    Attributes:
        admitted: number of requests that wait or are in progress.
        running: number of requests in progress.
    """

    def __init__(
        self, workers: int, max_waiting: int = MAX_WAITING, max_wait_s: float = 60.0
    ) -> None:
        self.workers = workers
        self.admitted = 0
        self.running = 0
        self._max_admitted = workers + max_waiting
        self._max_wait_s = max_wait_s
        self._free_workers = asyncio.Semaphore(workers)
        self._pool = ThreadPoolExecutor(workers, "request")

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Count a request until its upload and its processing have ended.

        Raises:
            RequestError: The queue is full.
        """
        if self.admitted >= self._max_admitted:
            raise _busy(f"{self.admitted} requests are waiting or being processed")
        self.admitted += 1
        try:
            yield
        finally:
            self.admitted -= 1

    async def run(self, work: Callable[[], R], request: Request) -> R:
        """Call a function in a worker thread.

        Args:
            work: function that returns the result.
            request: request whose body has been read.

        Raises:
            RequestError: No worker thread became available in time.
            AbandonedError: The client has closed the connection.
        """
        try:
            await asyncio.wait_for(self._free_workers.acquire(), self._max_wait_s)
        except asyncio.TimeoutError as error:
            raise _busy(f"no worker was free for {self._max_wait_s:g} seconds") from error
        self.running += 1
        try:
            if await request.is_disconnected():
                raise AbandonedError
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self.running -= 1
            self._free_workers.release()

    def close(self) -> None:
        """End the worker threads after the current requests."""
        self._pool.shutdown()


def _busy(reason: str) -> RequestError:
    return RequestError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "queue_full",
        f"{reason}. Send the photograph again later.",
        {"Retry-After": str(_RETRY_S)},
    )
