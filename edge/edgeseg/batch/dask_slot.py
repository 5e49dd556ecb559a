"""State of a Dask worker, and the result of its last check or task."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from distributed import Future

from edgeseg.batch.dask_worker import TaskOutcome, WorkerCheck
from edgeseg.batch.parts import InputRange
from edgeseg.errors import SystemSetupError, one_line


@dataclass(eq=False)
class DaskSlot:
    """State of one worker.

    Attributes:
        address: address of the worker.
        future: future of the check or the task in progress.
        task: task in progress; None during the check.
        started: time at which the future was submitted.
        photographs: number of photographs processed since the start of the worker.
        is_usable: whether the worker may get tasks.
        is_rejected: whether the worker cannot process the job.
        is_restarted: whether the process was replaced.
        has_nanny: whether the worker can be restarted.
    """

    address: str
    future: Future[object] | None = None
    task: InputRange | None = None
    started: float = field(default_factory=time.monotonic)
    photographs: int = 0
    is_usable: bool = False
    is_rejected: bool = False
    is_restarted: bool = False
    has_nanny: bool = False


class EndedFuture(NamedTuple):
    """Ended check or task. The result is None if the worker ended unexpectedly."""

    slot: DaskSlot
    future: Future[object]
    result: TaskOutcome | WorkerCheck | None


def foreign_error(is_check: bool, error: Exception) -> TaskOutcome | WorkerCheck:
    """Return a failed result for an exception that edgeseg does not define."""
    message = f"{type(error).__name__}: {one_line(error)}"
    if is_check:
        return WorkerCheck(message, SystemSetupError.exit_code, False)
    return TaskOutcome((), message, 1)
