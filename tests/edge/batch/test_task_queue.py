"""Tasks of workers that ended unexpectedly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgeseg.batch.job import JobFile, open_inputs
from edgeseg.batch.parts import InputRange, read_entries
from edgeseg.batch.progress import JobProgress
from edgeseg.batch.task_queue import MAX_DEATHS, TaskQueue


def test_single_photograph_is_repeated_last_and_fails_after_three_deaths(
    tmp_path: Path,
    photographs: list[bytes],
    make_job: Callable[..., JobFile],
    fill: Callable[[Path, list[bytes], int], Path],
) -> None:
    job = make_job(fill(tmp_path / "in", photographs, 4))
    output = tmp_path / "out"
    progress = JobProgress(4, lambda _: None)
    tasks = iter([InputRange(0, 2), InputRange(2, 4)])
    lines: list[str] = []
    queue = TaskQueue(output, job, open_inputs(output, job), tasks, progress, lines.append)
    assert queue.next() == (0, 2)
    queue.repeat(InputRange(0, 2), "test")
    assert queue.next() == (0, 1)
    queue.repeat(InputRange(0, 1), "test")
    assert [queue.next(), queue.next()] == [(1, 2), (2, 4)]
    for _ in range(MAX_DEATHS - 1):
        assert not queue.is_empty()
        assert queue.next() == (0, 1)
        queue.repeat(InputRange(0, 1), "test")
    assert queue.is_empty()
    (entry,) = read_entries(output)
    assert (entry.number, entry.records[0].reasons) == (0, ("worker_died",))
    assert (progress.done, progress.failed) == (1, 1)
    assert len(lines) == 1 + MAX_DEATHS
