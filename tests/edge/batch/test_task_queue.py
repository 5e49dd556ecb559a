"""Tasks of workers that ended unexpectedly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgeseg.batch.job import JobFile, open_inputs
from edgeseg.batch.parts import InputRange, read_entries
from edgeseg.batch.progress import JobProgress
from edgeseg.batch.shard_run import ShardRun
from edgeseg.batch.task_queue import MAX_DEATHS, TaskQueue
from edgeseg.system.signals import StopRequest


def test_single_photograph_is_repeated_last_and_fails_after_three_deaths(
    tmp_path: Path,
    make_job: Callable[..., JobFile],
    fill: Callable[[Path, int], Path],
) -> None:
    job = make_job(fill(tmp_path / "in", 4))
    output = tmp_path / "out"
    progress = JobProgress(4, lambda _: None)
    tasks = iter([InputRange(0, 2), InputRange(2, 4)])
    lines: list[str] = []
    inputs = open_inputs(output, job)
    shard_run = ShardRun(output, job, inputs, progress, StopRequest(), lines.append)
    queue = TaskQueue(shard_run, tasks)
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
