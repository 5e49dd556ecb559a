"""Limit of the memory that several threads use at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from edgeseg.system.memory_budget import MemoryBudget

LIMIT = 100
WAIT_S = 10.0


class Reservation:
    """Thread that reserves memory until the event `release` is set."""

    def __init__(self, budget: MemoryBudget, required: int, entered: list[int]) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self._budget = budget
        self._required = required
        self._all_entered = entered
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with self._budget.reserve(self._required):
            self._all_entered.append(self._required)
            self.entered.set()
            self.release.wait(WAIT_S)

    def end(self) -> None:
        self.release.set()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()


class Threads:
    """Threads of a test. Each thread waits until the previous thread holds or waits for memory."""

    def __init__(self) -> None:
        self.budget = MemoryBudget(LIMIT)
        self.entered: list[int] = []
        self.all: list[Reservation] = []

    def enter(self, required: int) -> Reservation:
        reservation = Reservation(self.budget, required, self.entered)
        self.all.append(reservation)
        assert reservation.entered.wait(WAIT_S)
        return reservation

    def wait(self, required: int) -> Reservation:
        waiting = self.budget.waiting
        reservation = Reservation(self.budget, required, self.entered)
        self.all.append(reservation)
        wait_until(lambda: self.budget.waiting > waiting)
        assert not reservation.entered.is_set()
        return reservation


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture
def threads() -> Iterator[Threads]:
    started = Threads()
    yield started
    for reservation in started.all:
        reservation.release.set()


def test_memory_budget_thread_waits_until_memory_is_released(threads: Threads) -> None:
    first = threads.enter(60)
    second = threads.wait(60)
    first.end()
    assert second.entered.wait(WAIT_S)


def test_memory_budget_threads_within_limit_enter_together(threads: Threads) -> None:
    threads.enter(60)
    threads.enter(40)
    assert threads.entered == [60, 40]


def test_memory_budget_oversized_request_enters_alone(threads: Threads) -> None:
    small = threads.enter(1)
    oversized = threads.wait(2 * LIMIT)
    small.end()
    assert oversized.entered.wait(WAIT_S)
    after = threads.wait(1)
    oversized.end()
    assert after.entered.wait(WAIT_S)


def test_memory_budget_serves_threads_in_order_of_arrival(threads: Threads) -> None:
    first = threads.enter(60)
    large = threads.wait(90)
    small = threads.wait(20)  # would fit at once
    first.end()
    assert large.entered.wait(WAIT_S)
    large.end()
    assert small.entered.wait(WAIT_S)
    assert threads.entered == [60, 90, 20]


def test_memory_budget_timeout_raises_and_lets_the_next_thread_enter(threads: Threads) -> None:
    threads.enter(60)
    with pytest.raises(TimeoutError), threads.budget.reserve(60, timeout_s=0.01):
        pass
    assert threads.budget.waiting == 0
    threads.enter(40)


def test_memory_budget_is_released_after_an_error(threads: Threads) -> None:
    with pytest.raises(ValueError, match="damaged"), threads.budget.reserve(LIMIT):
        raise ValueError("damaged")
    threads.enter(LIMIT).end()
