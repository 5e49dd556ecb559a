"""The death of a worker process, in words and as a record."""

import signal
from contextlib import suppress

from edgeseg._version import __version__
from edgeseg.batch.job import JobModel
from edgeseg.batch.job_input import JobInput
from edgeseg.run.results.record import ResultRecord


def describe_death(exit_code: int) -> str:
    """Return the cause of a process's end.

    Args:
        exit_code: exit code, or the negative number of a signal.
    """
    cause = f"exit code {exit_code}"
    if exit_code < 0:
        with suppress(ValueError):
            cause = f"signal {signal.Signals(-exit_code).name}"
    if exit_code == -signal.SIGKILL:
        cause += ", which the system sends if memory runs out"
    return cause


def died_record(source: JobInput, model: JobModel, cause: str) -> ResultRecord:
    """Return the failed record of a photograph whose processing ends the process."""
    return ResultRecord(
        source=source.source,
        frame=1,
        fov_index=0,
        fov_count=0,
        status="failed",
        reasons=("worker_died",),
        message=f"{source.source}: worker processes died while they processed it ({cause})",
        edgeseg_version=__version__,
        model=model.name,
        model_sha256=model.sha256,
        precision=model.precision,
        runtime=model.runtime,
        provider=model.provider,
        threshold=model.threshold,
    )
