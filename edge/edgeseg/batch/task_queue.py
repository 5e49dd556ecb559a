"""Tasks that are not processed yet, including the tasks of workers that ended unexpectedly.

If a worker process ends unexpectedly, its task is processed again in two halves. Therefore a
photograph that causes workers to end does not affect other photographs. A single photograph is
processed again after all other tasks, so that workers that end for another reason rarely affect the
same photograph again. After three attempts with a single photograph, this photograph gets a failed
record.
"""

from collections import Counter, deque
from collections.abc import Iterator

from edgeseg.batch.death import died_record
from edgeseg.batch.messages import PhotographDone, Task
from edgeseg.batch.parts import InputRange, PartEntry, write_part
from edgeseg.batch.shard_run import ShardRun

MAX_DEATHS = 3
"""Number of unexpected worker exits after which a task with a single photograph fails."""


class TaskQueue:
    """Tasks of a job for an executor.

    Args:
        run: run of the shard.
        tasks: tasks to process.
    """

    def __init__(self, run: ShardRun, tasks: Iterator[InputRange]) -> None:
        self._run = run
        self._tasks = tasks
        self._again: deque[InputRange] = deque()
        self._suspects: deque[InputRange] = deque()  # single photographs, processed last
        self._deaths: Counter[InputRange] = Counter()

    def next(self) -> InputRange | None:
        """Return the next task; None if the queue is empty."""
        if self._again:
            return self._again.popleft()
        task = next(self._tasks, None)
        if task is None and self._suspects:
            return self._suspects.popleft()
        return task

    def add(self, task: InputRange) -> None:
        """Add a task that a worker has not started."""
        self._again.append(task)

    def is_empty(self) -> bool:
        """Return whether the queue is empty at present."""
        task = self.next()
        if task is not None:
            self._again.appendleft(task)
        return task is None

    def read(self, task: InputRange) -> Task:
        """Return a task with its inputs."""
        return Task(task.start, self._run.inputs.read(*task))

    def repeat(self, task: InputRange, cause: str) -> None:
        """Add the task of an ended worker again. A task of several photographs is split in two.

        Args:
            task: task that the worker had started.
            cause: cause of the unexpected end, for messages.
        """
        if task.stop - task.start > 1:
            count = task.stop - task.start
            self._run.warn(
                f"a worker process ended unexpectedly ({cause}); {count} files are processed again"
            )
            self._again.extendleft(reversed(task.halves()))
            return
        self._deaths[task] += 1
        (source,) = self._run.inputs.read(*task)
        self._run.warn(f"{source.source}: a worker process ended unexpectedly ({cause}); "
                   f"attempt {self._deaths[task]} of {MAX_DEATHS}")  # fmt: skip
        if self._deaths[task] < MAX_DEATHS:
            self._suspects.append(task)
            return
        record = died_record(source, self._run.job.model, cause)
        write_part(self._run.output, task, [PartEntry(task.start, (record,))])
        self._run.progress.add(PhotographDone(failed=True))
