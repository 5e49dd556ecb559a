"""Run of a shard, as the executors receive it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgeseg.batch.job import JobFile
from edgeseg.batch.job_input import InputFile
from edgeseg.batch.progress import JobProgress
from edgeseg.system.signals import StopRequest


@dataclass(frozen=True)
class ShardRun:
    """One run of a shard: the job, the progress and the stop request.

    Attributes:
        output: output folder with the job.
        job: job to process.
        inputs: inputs of the job.
        progress: counts of processed photographs.
        stop: stop request; photographs or tasks in progress are finished.
        warn: function that prints one line.
        remote: URL to which the workers upload the results; None for no upload.
    """

    output: Path
    job: JobFile
    inputs: InputFile
    progress: JobProgress
    stop: StopRequest
    warn: Callable[[str], None]
    remote: str | None = None
