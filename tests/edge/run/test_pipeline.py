"""Pipeline: order of frames and errors, and number of frames in memory."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from edgeseg.errors import PhotoError
from edgeseg.run.pipeline import process_frames
from edgeseg.system.signals import StopRequest

WORKERS = [1, 2, 4]


class CountedFrame:
    """Frame that counts how many frames exist."""

    alive = 0
    most = 0
    lock = threading.Lock()

    def __init__(self, number: int, size: int = 0) -> None:
        self.number = number
        self.pixels = np.zeros(size, np.uint8)
        with CountedFrame.lock:
            CountedFrame.alive += 1
            CountedFrame.most = max(CountedFrame.most, CountedFrame.alive)

    def __del__(self) -> None:
        with CountedFrame.lock:
            CountedFrame.alive -= 1


def return_number(frame: CountedFrame) -> int:
    if frame.number % 7 == 0:
        time.sleep(0.0005)  # frames finish in another order
    return frame.number


def endless_numbers(stop: StopRequest) -> Iterator[int]:
    number = 0
    while not stop.asked:
        yield number
        number += 1


@pytest.mark.slow
@pytest.mark.parametrize("workers", WORKERS)
def test_process_frames_keeps_order_and_memory_over_10000_frames(workers: int) -> None:
    CountedFrame.alive = 0
    CountedFrame.most = 0
    frames = (CountedFrame(number, 20_000) for number in range(10_000))
    results = process_frames(frames, return_number, workers, StopRequest())
    for expected in range(1_000):
        assert next(results) == expected
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for expected in range(1_000, 10_000):
        assert next(results) == expected
    growth = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert list(results) == []
    assert growth < 1_000_000
    assert CountedFrame.most <= 2 * workers + 3


@pytest.mark.parametrize("workers", WORKERS)
def test_process_frames_yields_earlier_results_before_error_of_source(workers: int) -> None:
    def frames() -> Iterator[int]:
        yield from range(5)
        raise PhotoError("truncated")

    results = process_frames(frames(), int, workers, StopRequest())
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(PhotoError):
        next(results)


@pytest.mark.parametrize("workers", WORKERS)
def test_process_frames_ends_its_threads_when_a_frame_fails(workers: int) -> None:
    def fail(number: int) -> int:
        if number == 20:
            raise OSError("full")
        return number

    stop = StopRequest()
    results: list[int] = []
    with pytest.raises(OSError, match="full"):
        results.extend(process_frames(endless_numbers(stop), fail, workers, stop))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("frame")]


@pytest.mark.parametrize("workers", WORKERS)
def test_process_frames_finishes_started_frames_when_stopped(workers: int) -> None:
    started: list[int] = []
    stop = StopRequest()

    def process(number: int) -> int:
        started.append(number)
        return number

    results = []
    for number in process_frames(endless_numbers(stop), process, workers, stop):
        results.append(number)
        if number == 30:
            stop.ask()
    assert results == sorted(started)


@pytest.mark.parametrize("workers", WORKERS)
def test_process_frames_yields_all_results_while_next_frame_is_awaited(workers: int) -> None:
    results: list[int] = []

    def frames() -> Iterator[int | None]:
        yield 1
        yield 2
        yield None
        assert results == [1, 2]
        yield 3

    for number in process_frames(frames(), int, workers, StopRequest()):
        results.append(number)
    assert results == [1, 2, 3]


def test_process_frames_processes_frames_at_the_same_time() -> None:
    barrier = threading.Barrier(3, timeout=20)

    def process(number: int) -> int:
        barrier.wait()
        return number

    assert list(process_frames(range(6), process, 3, StopRequest())) == list(range(6))
