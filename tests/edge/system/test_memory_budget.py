"""Limit of the memory that several threads use at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from edgeseg.system.memory_budget import MemoryBudget

LIMIT = 100


@given(st.lists(st.integers(0, 2 * LIMIT), max_size=20))
def test_memory_budget_limits_reserved_memory_and_finishes(sizes: list[int]) -> None:
    budget, lock = MemoryBudget(LIMIT), threading.Lock()
    reserved: list[int] = []
    exceeded: list[list[int]] = []

    def work(size: int) -> None:
        with budget.reserve(size):
            with lock:
                reserved.append(size)
                if sum(reserved) > LIMIT and len(reserved) > reserved.count(0) + 1:
                    exceeded.append(list(reserved))
            with lock:
                reserved.remove(size)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, sizes))
    assert not exceeded
    assert not reserved


def test_memory_budget_is_released_after_an_error() -> None:
    budget = MemoryBudget(LIMIT)
    for _ in range(2):
        try:
            with budget.reserve(LIMIT):
                raise ValueError
        except ValueError:
            continue
