"""Processing of tasks on the workers of a Dask cluster.

Each worker has one task at a time. If a worker ends unexpectedly, its task is therefore known. The
scheduler has few tasks even if the job is large. A worker that cannot process the job, such as a
worker with another version of edgeseg, is reported once and gets no tasks.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, Queue
from typing import cast

import msgspec
from distributed import CancelledError, Client, Future, KilledWorker

from edgeseg.batch.dask_health import ClusterHealth
from edgeseg.batch.dask_slot import DaskSlot, EndedFuture, foreign_error
from edgeseg.batch.dask_worker import TaskOutcome, WorkerCheck, check_worker, process_task
from edgeseg.batch.executor import RECYCLE_AFTER, STALLED_S, WorkerError
from edgeseg.batch.messages import encode_task
from edgeseg.batch.parts import InputRange
from edgeseg.batch.shard_run import ShardRun
from edgeseg.batch.task_queue import TaskQueue
from edgeseg.errors import EdgesegError, SystemSetupError

_POLL_S = 0.5  # pause between requests for the list of workers
_RESULT_S = 20.0
_THREADS = 16  # threads that fetch results and restart workers


class DaskExecutor:
    """Executor for the tasks of a job on a Dask cluster.

    Args:
        client: client of the cluster.
        run: run of the shard. Without `run.remote`, the path of the output folder must be the same
            for all workers.
    """

    def __init__(self, client: Client, run: ShardRun) -> None:
        self._client = client
        self._run = run
        self._arguments = (run.remote or str(run.output.absolute()), msgspec.json.encode(run.job))
        # Dask keeps statistics for the first word of the keys, and 100,000 keys in a cache.
        self._key = f"edgeseg-{uuid.uuid4().hex[:12]}"
        self._numbers = itertools.count()
        self._slots: dict[str, DaskSlot] = {}
        self._events: Queue[EndedFuture] = Queue()
        self._polled = 0.0
        self._health = ClusterHealth(run.warn)
        self._error: EdgesegError | None = None

    def run(self, tasks: Iterator[InputRange]) -> None:
        """Process tasks until all are done or a stop is requested.

        Raises:
            EdgesegError: A worker reported an error that ends the job, no worker can process the
                job, or the connection to the scheduler is lost.
        """
        self._queue = TaskQueue(self._run, tasks)
        self._threads = ThreadPoolExecutor(_THREADS)
        try:
            while self._has_work():
                self._update_workers()
                with suppress(Empty):
                    self._handle(self._events.get(timeout=_POLL_S))
                    while True:
                        self._handle(self._events.get_nowait())
        finally:
            for slot in self._slots.values():
                self._cancel(slot)
            self._threads.shutdown(wait=False, cancel_futures=True)
        if self._error is not None:
            raise self._error

    def _has_work(self) -> bool:
        if any(slot.task is not None for slot in self._slots.values()):
            return True
        return not self._is_stopping() and not self._queue.is_empty()

    def _is_stopping(self) -> bool:
        return self._run.stop.asked or self._error is not None

    def _update_workers(self) -> None:
        """Detect workers that joined, ended unexpectedly or do not respond."""
        now = time.monotonic()
        if now - self._polled < _POLL_S:
            return
        self._polled = now
        try:
            addresses = set(self._client.nthreads())
        except (OSError, RuntimeError, CancelledError) as error:
            raise SystemSetupError(
                "the connection to the Dask scheduler is lost. Start the cluster again and use "
                "--resume."
            ) from error
        for address, slot in list(self._slots.items()):
            if address not in addresses or slot.is_restarted:
                self._remove(self._slots.pop(address))
        for address in addresses - self._slots.keys():
            slot = DaskSlot(address)
            self._slots[address] = slot
            self._submit(slot, check_worker)
        for slot in self._slots.values():
            if slot.task is not None and now - slot.started > STALLED_S:
                self._give_up(slot)
        self._assign_idle()
        self._error = self._error or self._health.check(self._slots.values())

    def _submit(self, slot: DaskSlot, function: Callable[..., object], *arguments: object) -> None:
        slot.started = time.monotonic()
        future = self._client.submit(
            function,
            *self._arguments,
            *arguments,
            workers=[slot.address],
            allow_other_workers=False,
            key=f"{self._key}-{next(self._numbers)}",
            pure=False,
        )
        slot.future = future
        is_check = slot.task is None

        def fetch(_: Future[object]) -> None:
            with suppress(RuntimeError):  # the job has ended
                self._threads.submit(self._fetch, slot, future, is_check)

        future.add_done_callback(fetch)

    def _fetch(self, slot: DaskSlot, future: Future[object], is_check: bool) -> None:
        """Put the result of a future into the queue of events."""
        result: TaskOutcome | WorkerCheck | None
        try:
            result = cast("TaskOutcome | WorkerCheck", future.result(timeout=_RESULT_S))
        except (KilledWorker, CancelledError, TimeoutError, asyncio.TimeoutError):
            result = None
        except Exception as error:  # such as an exception of another library version
            result = foreign_error(is_check, error)
        self._events.put(EndedFuture(slot, future, result))

    def _handle(self, ended: EndedFuture) -> None:
        """Handle the end of a check or a task."""
        slot = ended.slot
        if slot.future is not ended.future:  # the worker has left the cluster
            return
        if ended.result is None:
            self._slots.pop(slot.address, None)
            self._remove(slot)
            return
        slot.future = None
        if isinstance(ended.result, TaskOutcome):
            self._finish_task(slot, ended.result)
        else:
            self._finish_check(slot, ended.result)
        self._assign(slot)

    def _finish_check(self, slot: DaskSlot, result: WorkerCheck) -> None:
        slot.has_nanny = result.has_nanny
        slot.is_usable = not result.problem
        slot.is_rejected = not slot.is_usable
        if slot.is_rejected:
            self._health.add_rejected(result)
            self._run.warn(f"worker {slot.address} is not used: {result.problem}")

    def _finish_task(self, slot: DaskSlot, outcome: TaskOutcome) -> None:
        assert slot.task is not None
        slot.task = None
        if outcome.error:
            self._error = self._error or WorkerError(
                f"worker {slot.address}: {outcome.error}", outcome.exit_code
            )
        for photograph in outcome.photographs:
            self._run.progress.add(photograph)
        slot.photographs += len(outcome.photographs)

    def _assign(self, slot: DaskSlot) -> None:
        if not slot.is_usable or self._is_stopping():
            return
        if slot.photographs >= RECYCLE_AFTER and slot.has_nanny:
            self._restart(slot)
            return
        task = self._queue.next()
        if task is not None:
            slot.task = task
            encoded = zlib.compress(encode_task(self._queue.read(task)), 1)
            self._submit(slot, process_task, encoded)

    def _restart(self, slot: DaskSlot) -> None:
        """Replace a worker with a new process."""
        slot.is_usable = False

        def restart() -> None:
            self._client.restart_workers([slot.address], raise_for_error=False)
            slot.is_restarted = True

        self._threads.submit(restart)

    def _give_up(self, slot: DaskSlot) -> None:
        """Stop using a worker that does not respond, and repeat its task."""
        assert slot.task is not None
        task = slot.task
        self._cancel(slot)
        slot.task = None
        self._queue.repeat(task, f"{STALLED_S:.0f} s without a result")
        slot.is_usable = False
        if slot.has_nanny:
            self._restart(slot)

    def _remove(self, slot: DaskSlot) -> None:
        """Repeat the task of a worker that has left the cluster."""
        was_checking = slot.future is not None and slot.task is None
        self._cancel(slot)
        if slot.task is not None and not self._is_stopping():
            self._queue.repeat(slot.task, f"{slot.address} left the cluster")
        elif was_checking:
            self._health.add_start_death()
        slot.task = None

    def _assign_idle(self) -> None:
        """Assign repeated tasks to idle workers."""
        for slot in self._slots.values():
            if slot.future is None:
                self._assign(slot)

    def _cancel(self, slot: DaskSlot) -> None:
        if slot.future is not None and not slot.future.done():
            with suppress(Exception):  # the connection may be lost
                slot.future.cancel()
        slot.future = None
