"""The pipeline keeps the order of frames and limits their number, errors included."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from edgeseg.errors import PhotoError
from edgeseg.run.pipeline import Pipeline
from edgeseg.system.signals import StopRequest

MODES = [(0, 0), (1, 0), (0, 1), (1, 1), (1, 3)]


class CountedFrame:
    """Frame that counts how many of its kind are alive."""

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


def return_frame(frame: CountedFrame) -> CountedFrame:
    return frame


def return_number(frame: CountedFrame) -> int:
    if frame.number % 7 == 0:
        time.sleep(0.0005)  # so that writers overtake each other
    return frame.number


def endless_numbers(stop: StopRequest) -> Iterator[int]:
    number = 0
    while not stop.asked:
        yield number
        number += 1


@pytest.mark.slow
@pytest.mark.parametrize(("ahead", "writers"), MODES)
def test_pipeline_keeps_order_and_memory_over_10000_frames(ahead: int, writers: int) -> None:
    CountedFrame.alive = 0
    CountedFrame.most = 0
    pipeline: Pipeline[CountedFrame, CountedFrame, CountedFrame, int] = Pipeline(
        return_frame, return_frame, return_number, ahead, writers
    )
    frames = (CountedFrame(number, 20_000) for number in range(10_000))
    results = pipeline.run(frames, StopRequest())
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
    assert CountedFrame.most <= 3 + 2 * ahead + 2 * writers + 2


@pytest.mark.parametrize(("ahead", "writers"), MODES)
def test_pipeline_yields_earlier_results_before_error_of_source(ahead: int, writers: int) -> None:
    def frames() -> Iterator[int]:
        yield from range(5)
        raise PhotoError("truncated")

    pipeline: Pipeline[int, int, int, int] = Pipeline(int, int, int, ahead, writers)
    results = pipeline.run(frames(), StopRequest())
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(PhotoError):
        next(results)


@pytest.mark.parametrize(("ahead", "writers"), MODES)
@pytest.mark.parametrize("stage", range(3))
def test_pipeline_ends_its_threads_when_stage_fails(ahead: int, writers: int, stage: int) -> None:
    def fail(number: int) -> int:
        if number == 20:
            raise OSError("full")
        return number

    decode, segment, write = [fail if index == stage else int for index in range(3)]
    stop = StopRequest()
    pipeline: Pipeline[int, int, int, int] = Pipeline(decode, segment, write, ahead, writers)
    with pytest.raises(OSError, match="full"):
        list(pipeline.run(endless_numbers(stop), stop))
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("decode", "write"))]


@pytest.mark.parametrize(("ahead", "writers"), MODES)
def test_pipeline_finishes_segmented_frames_when_stopped(ahead: int, writers: int) -> None:
    segmented: list[int] = []
    written: list[int] = []
    stop = StopRequest()

    def segment(number: int) -> int:
        segmented.append(number)
        return number

    def write(number: int) -> int:
        written.append(number)
        return number

    pipeline: Pipeline[int, int, int, int] = Pipeline(int, segment, write, ahead, writers)
    results = []
    for number in pipeline.run(endless_numbers(stop), stop):
        results.append(number)
        if number == 30:
            stop.ask()
    assert results == segmented == sorted(written)


def test_pipeline_yields_result_while_next_frame_is_awaited() -> None:
    stop = StopRequest()
    received = threading.Event()

    def frames() -> Iterator[int]:
        yield 1
        assert received.wait(20), "the first result was not yielded"
        yield 2

    pipeline: Pipeline[int, int, int, int] = Pipeline(int, int, int, 1, 2)
    for _ in pipeline.run(frames(), stop):
        received.set()
