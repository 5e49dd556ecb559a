"""Record of a photograph whose worker processes ended unexpectedly."""

from edgeseg._version import __version__
from edgeseg.batch.job import JobModel
from edgeseg.batch.job_input import JobInput
from edgeseg.run.results.record import ResultRecord


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
