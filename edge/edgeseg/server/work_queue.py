"""Worker threads with a bounded queue of requests."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from starlette.requests import Request

from edgeseg.run.workers import limit_memory
from edgeseg.server.problems import RequestError
from edgeseg.system.memory_budget import MemoryBudget

R = TypeVar("R")

MAX_WAITING = 32
"""Maximum number of requests that wait for a worker thread, for memory, or for their upload."""

_RETRY_S = 5


class AbandonedError(Exception):
    """The client closed the connection before its request was processed."""


class WorkQueue:
    """Worker threads with a limited number of waiting requests.

    Args:
        workers: number of worker threads.
        max_waiting: maximum number of waiting requests.
        max_wait_s: maximum time in seconds that a request waits for a thread and for memory.

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
        self._budget = MemoryBudget(limit_memory(workers))
        self._lock = threading.Lock()
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

    async def run(
        self, work: Callable[[], R], request: Request, required_bytes: Callable[[], int]
    ) -> R:
        """Call a function in a worker thread when enough memory is available.

        Args:
            work: function that returns the result.
            request: request whose body has been read.
            required_bytes: function that returns the bytes that `work` requires. It is called in
                the worker thread.

        Raises:
            RequestError: No worker thread or not enough memory became available in time.
            AbandonedError: The client has closed the connection.
        """
        end = time.monotonic() + self._max_wait_s
        try:
            await asyncio.wait_for(self._free_workers.acquire(), self._max_wait_s)
        except asyncio.TimeoutError as error:
            raise _busy(f"no worker was free for {self._max_wait_s:g} seconds") from error
        try:
            if await request.is_disconnected():
                raise AbandonedError
            run = partial(self._run_with_memory, work, required_bytes, end)
            return await asyncio.get_running_loop().run_in_executor(self._pool, run)
        finally:
            self._free_workers.release()

    def _run_with_memory(
        self, work: Callable[[], R], required_bytes: Callable[[], int], end: float
    ) -> R:
        required = required_bytes()
        with ExitStack() as stack:
            try:
                stack.enter_context(self._budget.reserve(required, end - time.monotonic()))
            except TimeoutError as error:
                raise _busy(
                    f"other photographs used the memory for {self._max_wait_s:g} seconds"
                ) from error
            stack.enter_context(self._count_running())
            return work()

    @contextmanager
    def _count_running(self) -> Iterator[None]:
        with self._lock:
            self.running += 1
        try:
            yield
        finally:
            with self._lock:
                self.running -= 1

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
