"""Detection of a cluster without a worker that can process the job."""

import time
from collections.abc import Callable, Iterable

from edgeseg.batch.dask_slot import DaskSlot
from edgeseg.batch.dask_worker import WorkerCheck
from edgeseg.batch.executor import STALLED_S, WorkerError
from edgeseg.errors import EdgesegError, SystemSetupError

NO_WORKER_S = 600.0
"""Seconds without a usable or busy worker after which the job ends."""

ALL_REJECTED_S = 5.0
"""Seconds without a usable or busy worker after which the job ends if a worker was rejected."""

START_DEATHS_S = 60.0
"""Seconds without a usable worker after which the job ends if workers died while loading."""

MAX_START_DEATHS = 10
_WARN_S = 10.0


class ClusterHealth:
    """Record of the workers that failed since the last time a worker was usable.

    Args:
        warn: function that prints one line.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._usable = self._alive = time.monotonic()
        self._start_deaths = 0
        self._rejected: WorkerCheck | None = None
        self._is_reported = False

    def add_rejected(self, check: WorkerCheck) -> None:
        """Record a worker that cannot process the job."""
        self._rejected = check

    def add_start_death(self) -> None:
        """Record a worker that ended unexpectedly while it loaded the model."""
        self._start_deaths += 1

    def check(self, slots: Iterable[DaskSlot]) -> EdgesegError | None:
        """Return an error if the job cannot continue, or None.

        Args:
            slots: workers of the cluster.
        """
        now = time.monotonic()
        states = list(slots)
        if any(slot.future is not None and now - slot.started < STALLED_S for slot in states):
            self._alive = now
        if any(slot.is_usable for slot in states):
            self._usable = self._alive = now
            self._start_deaths = 0
            self._is_reported = False
        if self._start_deaths >= MAX_START_DEATHS and now - self._usable > START_DEATHS_S:
            return SystemSetupError(
                f"{self._start_deaths} workers in a row ended unexpectedly while they loaded the "
                "model. Check the logs of the workers and their memory."
            )
        return self._check_waiting(now - self._alive)

    def _check_waiting(self, waited: float) -> EdgesegError | None:
        if self._rejected is not None and waited > ALL_REJECTED_S:
            return WorkerError(
                f"no worker of the cluster can process the job: {self._rejected.problem}",
                self._rejected.exit_code,
            )
        if waited > NO_WORKER_S:
            return SystemSetupError(
                f"the cluster has had no usable worker for {NO_WORKER_S:.0f} s. "
                "Start workers and use --resume."
            )
        if waited > _WARN_S and not self._is_reported:
            self._is_reported = True
            self._warn(
                "the cluster has no usable worker. The job continues when workers join, and ends "
                f"after {NO_WORKER_S:.0f} s."
            )
        return None
