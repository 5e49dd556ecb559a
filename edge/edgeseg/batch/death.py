"""Description and record of a worker process that ended unexpectedly."""

import signal
from contextlib import suppress

from edgeseg._version import __version__
from edgeseg.batch.job import JobModel
from edgeseg.batch.job_input import JobInput
from edgeseg.run.results.record import ResultRecord


def describe_death(exit_code: int) -> str:
    """Return the reason why a process ended.

    Args:
        exit_code: exit code, or the negative number of a signal.
    """
    cause = f"exit code {exit_code}"
    if exit_code < 0:
        with suppress(ValueError):
            cause = f"signal {signal.Signals(-exit_code).name}"
    if exit_code == -signal.SIGKILL:
        cause += ", which the system also sends if memory is exhausted"
    return cause


def died_record(source: JobInput, model: JobModel, cause: str) -> ResultRecord:
    """Return the failed record of a photograph that made worker processes crash."""
    return ResultRecord(
        source=source.source,
        frame=1,
        fov_index=0,
        fov_count=0,
        status="failed",
        reasons=("worker_died",),
        message=f"{source.source}: worker processes ended unexpectedly during processing ({cause})",
        edgeseg_version=__version__,
        model=model.name,
        model_sha256=model.sha256,
        precision=model.precision,
        runtime=model.runtime,
        provider=model.provider,
        threshold=model.threshold,
    )
