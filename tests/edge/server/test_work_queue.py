"""The queue in front of the worker threads."""

from __future__ import annotations

import asyncio
import threading
from http import HTTPStatus

import pytest
from starlette.requests import Request
from starlette.types import Message

from edgeseg.imaging.size_limits import MAX_REQUIRED_BYTES
from edgeseg.server.problems import RequestError
from edgeseg.server.work_queue import AbandonedError, WorkQueue


def request_of(message: Message) -> Request:
    """Return a request that receives this message after its body was read."""
    received = False

    async def receive() -> Message:
        nonlocal received
        if received:
            await asyncio.sleep(60)
        received = True
        return message

    return Request({"type": "http"}, receive)


CONNECTED: Message = {"type": "http.request", "body": b"", "more_body": False}
DISCONNECTED: Message = {"type": "http.disconnect"}


def small() -> int:
    return 1000


def large() -> int:
    return MAX_REQUIRED_BYTES


def test_run_returns_result_of_work() -> None:
    queue = WorkQueue(workers=1)
    assert asyncio.run(queue.run(lambda: 5, request_of(CONNECTED), small)) == 5
    assert queue.running == 0


def test_run_raises_error_of_work() -> None:
    queue = WorkQueue(workers=1)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(queue.run(lambda: 1 // 0, request_of(CONNECTED), small))
    assert queue.running == 0


def test_run_skips_work_of_closed_connection() -> None:
    queue = WorkQueue(workers=1)
    calls: list[int] = []
    with pytest.raises(AbandonedError):
        asyncio.run(queue.run(lambda: calls.append(1), request_of(DISCONNECTED), small))
    assert not calls and queue.running == 0


def test_admit_rejects_requests_above_limit() -> None:
    queue = WorkQueue(workers=1, max_waiting=1)
    with queue.admit(), queue.admit():
        with pytest.raises(RequestError) as rejected, queue.admit():
            pass
        assert rejected.value.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert rejected.value.headers["Retry-After"]
    assert queue.admitted == 0


def test_run_rejects_request_that_waits_too_long() -> None:
    queue = WorkQueue(workers=1, max_wait_s=0.01)
    release = threading.Event()

    async def run_two() -> None:
        first = asyncio.create_task(queue.run(release.wait, request_of(CONNECTED), small))
        await asyncio.sleep(0)
        try:
            with pytest.raises(RequestError) as rejected:
                await queue.run(lambda: True, request_of(CONNECTED), small)
            assert rejected.value.code == "queue_full"
        finally:
            release.set()
        assert await first

    asyncio.run(run_two())
    assert queue.running == 0


def test_run_rejects_request_that_waits_too_long_for_memory() -> None:
    queue = WorkQueue(workers=2, max_wait_s=0.2)
    started, release = threading.Event(), threading.Event()

    def work() -> bool:
        started.set()
        return release.wait(10)

    async def run_two() -> None:
        first = asyncio.create_task(queue.run(work, request_of(CONNECTED), large))
        while not started.is_set():
            await asyncio.sleep(0.001)
        second = asyncio.create_task(queue.run(lambda: True, request_of(CONNECTED), large))
        await asyncio.sleep(0.05)
        assert queue.running == 1  # the second request waits
        try:
            with pytest.raises(RequestError) as rejected:
                await second
            assert rejected.value.status == HTTPStatus.SERVICE_UNAVAILABLE
            assert rejected.value.headers["Retry-After"]
        finally:
            release.set()
        assert await first

    asyncio.run(run_two())
    assert queue.running == 0
