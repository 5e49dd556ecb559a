"""Processing of tasks by worker processes on this machine.

If a worker ends unexpectedly, its task is processed again (`edgeseg.batch.task_queue`). A worker
that does not finish a photograph within ten minutes is killed.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Queue

from edgeseg.batch.messages import (
    PhotographDone,
    TaskDone,
    WorkerDied,
    WorkerFailed,
    WorkerReady,
)
from edgeseg.batch.parts import InputRange
from edgeseg.batch.pool import BatchWorker, Event, killed_at_end
from edgeseg.batch.shard_run import ShardRun
from edgeseg.batch.task_queue import TaskQueue
from edgeseg.errors import EdgesegError, SystemSetupError
from edgeseg.system.process_exit import describe_exit

RECYCLE_AFTER = 2000
"""Number of photographs after which a worker is replaced, to free leaked memory."""

_MAX_START_DEATHS = 10  # in a row
STALLED_S = 600.0
"""Seconds after which a worker that has not finished a photograph is killed."""

_POLL_S = 0.5


class WorkerError(EdgesegError):
    """Error that ends the job, with the exit code that the worker reported."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass
class _Slot:
    """State of one worker."""

    task: InputRange | None = None
    is_ready: bool = False
    photographs: int = 0
    reported: list[PhotographDone] = field(default_factory=list)  # photographs of the current task
    last_message: float = field(default_factory=time.monotonic)


class LocalExecutor:
    """Processing of a job's tasks by worker processes.

    Args:
        run: run of the shard.
        workers: number of processes.
    """

    def __init__(self, run: ShardRun, workers: int) -> None:
        self.workers = workers
        self._run = run
        self._events: Queue[Event] = Queue()
        self._slots: dict[BatchWorker, _Slot] = {}
        self._running: list[BatchWorker] = []
        self._start_deaths = 0
        self._is_stopping = False
        self._error: EdgesegError | None = None

    def run(self, tasks: Iterator[InputRange]) -> None:
        """Process tasks until all are done or a stop is requested.

        Raises:
            EdgesegError: A worker reported an error that ends the job, or no worker starts.
        """
        self._queue = TaskQueue(self._run, tasks)
        with killed_at_end(self._running):
            for _ in range(self.workers):
                self._start_worker()
            while self._slots:
                if (self._run.stop.asked or self._error is not None) and not self._is_stopping:
                    self._request_stop()
                self._kill_stalled()
                with suppress(Empty):
                    self._handle(self._events.get(timeout=_POLL_S))
        if self._error is not None:
            raise self._error

    def _start_worker(self) -> None:
        worker = BatchWorker(self._run.output, self._events, self._run.remote)
        self._running.append(worker)
        self._slots[worker] = _Slot()

    def _request_stop(self) -> None:
        self._is_stopping = True
        for worker in self._slots:
            worker.request_stop()

    def _kill_stalled(self) -> None:
        now = time.monotonic()
        for worker, slot in self._slots.items():
            if slot.task is not None and now - slot.last_message > STALLED_S:
                slot.last_message = now
                worker.kill()

    def _handle(self, event: Event) -> None:
        worker, message = event
        slot = self._slots[worker]
        slot.last_message = time.monotonic()
        if isinstance(message, WorkerReady):
            slot.is_ready = True
            self._start_deaths = 0
            self._assign(worker, slot)
        elif isinstance(message, PhotographDone):
            slot.reported.append(message)
            self._run.progress.add(message)
        elif isinstance(message, TaskDone):
            self._finish_task(worker, slot, message)
        elif isinstance(message, WorkerFailed):
            self._error = self._error or WorkerError(message.message, message.exit_code)
        elif isinstance(message, WorkerDied):
            self._remove(worker, slot, message)

    def _finish_task(self, worker: BatchWorker, slot: _Slot, done: TaskDone) -> None:
        assert slot.task is not None
        rest = InputRange(done.stop, slot.task.stop)
        slot.photographs += done.stop - done.start
        slot.task = None
        slot.reported.clear()
        if rest.start < rest.stop:  # the worker received SIGTERM and ends
            self._queue.add(rest)
            worker.request_end()
        else:
            self._assign(worker, slot)

    def _assign(self, worker: BatchWorker, slot: _Slot) -> None:
        task = None
        if not self._is_stopping and slot.photographs < RECYCLE_AFTER:
            task = self._queue.next()
        if task is None:
            worker.request_end()
            return
        slot.task = task
        worker.send(self._queue.read(task))

    def _remove(self, worker: BatchWorker, slot: _Slot, death: WorkerDied) -> None:
        worker.wait()
        self._running.remove(worker)
        del self._slots[worker]
        for reported in slot.reported:
            self._run.progress.take_back(reported)
        if self._error is not None or self._is_stopping:
            return
        if slot.task is not None and death.exit_code == 0 and not slot.reported:
            self._queue.add(slot.task)  # SIGTERM arrived before the worker started the task
        elif slot.task is not None:
            self._queue.repeat(slot.task, describe_exit(death.exit_code))
        elif not slot.is_ready:
            self._count_start_death(death)
        if not self._queue.is_empty():
            self._start_worker()

    def _count_start_death(self, death: WorkerDied) -> None:
        self._start_deaths += 1
        if self._start_deaths >= _MAX_START_DEATHS:
            self._error = SystemSetupError(
                "worker processes ended unexpectedly while they started "
                f"({describe_exit(death.exit_code)}). "
                "Use fewer --workers, or free some memory."
            )
