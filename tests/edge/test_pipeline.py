"""Frames go through in order, a bounded number at a time, whatever happens."""

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


class Held:
    """A frame that is counted while it is alive."""

    alive = most = 0
    lock = threading.Lock()

    def __init__(self, number: int, size: int = 0) -> None:
        self.number, self.pixels = number, np.zeros(size, np.uint8)
        with Held.lock:
            Held.alive += 1
            Held.most = max(Held.most, Held.alive)

    def __del__(self) -> None:
        with Held.lock:
            Held.alive -= 1


def same(frame: Held) -> Held:
    return frame


def number_of(frame: Held) -> int:
    if frame.number % 7 == 0:
        time.sleep(0.0005)  # so that writers overtake each other
    return frame.number


@pytest.mark.parametrize(("ahead", "writers"), MODES)
def test_ten_thousand_frames_in_order_with_flat_memory(ahead: int, writers: int) -> None:
    Held.alive = Held.most = 0
    pipeline: Pipeline[Held, Held, Held, int] = Pipeline(same, same, number_of, ahead, writers)
    results = pipeline.run((Held(number, 20_000) for number in range(10_000)), StopRequest())
    for expected in range(1_000):
        assert next(results) == expected
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for expected in range(1_000, 10_000):
        assert next(results) == expected
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert list(results) == []
    assert grown < 1_000_000
    assert Held.most <= 3 + 2 * ahead + 2 * writers + 2


@pytest.mark.parametrize(("ahead", "writers"), MODES)
def test_what_came_before_the_source_s_error_is_told_first(ahead: int, writers: int) -> None:
    def frames() -> Iterator[int]:
        yield from range(5)
        raise PhotoError("cut off")

    pipeline: Pipeline[int, int, int, int] = Pipeline(int, int, int, ahead, writers)
    results = pipeline.run(frames(), StopRequest())
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(PhotoError):
        next(results)


@pytest.mark.parametrize(("ahead", "writers"), MODES)
@pytest.mark.parametrize("stage", range(3))
def test_an_error_in_a_stage_ends_it(ahead: int, writers: int, stage: int) -> None:
    def fail(number: int) -> int:
        if number == 20:
            raise OSError("full")
        return number

    stages = [fail if number == stage else int for number in range(3)]
    stop = StopRequest()
    pipeline: Pipeline[int, int, int, int] = Pipeline(
        stages[0], stages[1], stages[2], ahead, writers
    )
    with pytest.raises(OSError, match="full"):
        list(pipeline.run(endless(stop), stop))
    assert not [
        thread for thread in threading.enumerate() if thread.name.startswith(("decode", "write"))
    ]


def endless(stop: StopRequest) -> Iterator[int]:
    number = 0
    while not stop.asked:
        yield number
        number += 1


@pytest.mark.parametrize(("ahead", "writers"), MODES)
def test_frames_in_hand_are_finished_when_it_is_stopped(ahead: int, writers: int) -> None:
    segmented, written, stop = list[int](), list[int](), StopRequest()

    def segment(number: int) -> int:
        segmented.append(number)
        return number

    def write(number: int) -> int:
        written.append(number)
        return number

    pipeline: Pipeline[int, int, int, int] = Pipeline(int, segment, write, ahead, writers)
    told = []
    for number in pipeline.run(endless(stop), stop):
        told.append(number)
        if number == 30:
            stop.ask()
    assert told == segmented == sorted(written)


def test_a_result_is_told_while_the_next_frame_is_waited_for() -> None:
    stop, told = StopRequest(), threading.Event()

    def frames() -> Iterator[int]:
        yield 1
        assert told.wait(20), "the first result was kept back"
        yield 2

    pipeline: Pipeline[int, int, int, int] = Pipeline(int, int, int, 1, 2)
    for _ in pipeline.run(frames(), stop):
        told.set()
