"""Background tasks."""

from __future__ import annotations

import gc
import weakref

import pytest

from edgeseg.system.background import BackgroundTask


def test_background_task_returns_the_same_result_or_error_each_time() -> None:
    task = BackgroundTask(lambda: [1])
    assert task.result() is task.result() and task.result() == [1]
    failing = BackgroundTask(lambda: 1 // 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            failing.result()


def test_background_task_releases_a_taken_result() -> None:
    class Large:
        """Object that can be weakly referenced."""

    task: BackgroundTask[Large] = BackgroundTask(Large)
    reference = weakref.ref(task.take())
    gc.collect()
    assert reference() is None
