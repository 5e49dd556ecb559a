"""Background tasks."""

from __future__ import annotations

import pytest

from edgeseg.system.background import BackgroundTask


def test_background_task_result_returns_same_object_each_time() -> None:
    task = BackgroundTask(lambda: [1])
    assert task.result() == [1]
    assert task.result() is task.result()


def test_background_task_result_raises_error_each_time() -> None:
    task = BackgroundTask(lambda: 1 // 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            task.result()
