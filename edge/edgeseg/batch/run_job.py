"""Opening or creation of a job, and processing of a shard."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edgeseg.batch.collect import collect_cohort
from edgeseg.batch.executor import LocalExecutor
from edgeseg.batch.job import (
    JOB_NAME,
    STATE_FOLDER,
    JobFile,
    JobOptions,
    check_options,
    create_job,
    open_inputs,
    read_job,
)
from edgeseg.batch.merge import table_path
from edgeseg.batch.parts import list_parts, missing_ranges, remove_stale_files
from edgeseg.batch.prepare_job import (
    ModelChoice,
    count_workers,
    given_values,
    input_text,
    resolve_job,
)
from edgeseg.batch.progress import JobProgress
from edgeseg.batch.shard import Shard, hold_shard
from edgeseg.batch.shard_run import ShardRun
from edgeseg.batch.table import check_table
from edgeseg.console import plural
from edgeseg.device import cpu
from edgeseg.errors import UsageError
from edgeseg.system.files import check_folders
from edgeseg.system.signals import StopRequest

if TYPE_CHECKING:
    from edgeseg.batch.remote_output import RemoteOutput

Warn = Callable[[str], None]


class JobRequest(NamedTuple):
    """Arguments of one call of `edgeseg batch`.

    Attributes:
        argument: folder, pattern or manifest; None with `--resume`, which uses the job's argument.
        output: output folder.
        options: output options.
        choice: model options.
        workers: number of workers; None means the default.
        threads: number of CPU threads of each worker; None means the default.
        shard: shard to process.
        resume: whether to continue an existing job.
        given: options on the command line. The key is the name of the command's parameter.
        dask: address of a Dask scheduler, or `local:N`; None for workers on this machine.
        remote: remote output folder; None for a local job. `output` is the local copy.
    """

    argument: str | None
    output: Path
    options: JobOptions
    choice: ModelChoice
    workers: int | None
    threads: int | None
    shard: Shard
    resume: bool
    given: Mapping[str, object]
    dask: str | None = None
    remote: "RemoteOutput | None" = None

    @property
    def location(self) -> str:
        """Output folder in messages: the URL of a remote folder, not the path of its local copy."""
        return str(self.output) if self.remote is None else self.remote.url


class WorkerPlan(NamedTuple):
    """Number of workers, and number of threads of each worker.

    Attributes:
        workers: number of workers; None if a Dask cluster provides them.
        threads: number of CPU threads of each worker.
    """

    workers: int | None
    threads: int


def open_job(request: JobRequest, warn: Warn) -> JobFile:
    """Return the job of the output folder, or create a job if the folder contains none.

    Raises:
        UsageError: The job has other options, or a job exists and neither --resume nor --shard is
            given.
        EdgesegError: The inputs or the model are invalid, or the job cannot be written.
    """
    job = read_job(request.output)
    if job is None:
        job = _create(request, warn)
        if job is not None:
            return job
        job = read_job(request.output)  # another shard has just created the job
        assert job is not None
    elif not request.resume and request.shard.count == 1:
        raise UsageError(
            f"{request.location}/{JOB_NAME}: a job exists in this folder. Add --resume, or choose "
            "another folder with -o."
        )
    check_options(request.location, job, given_values(request.given))
    if request.resume and request.shard.count == 1:
        _report_changes(request.output, job, warn)
    return job


def _create(request: JobRequest, warn: Warn) -> JobFile | None:
    """Create a job. Return None if another process created the job at the same time."""
    if request.argument is None:
        raise UsageError(f"{request.location}: no job to resume. Specify INPUT to start a job.")
    if list_parts(request.output) and read_job(request.output) is None:
        raise UsageError(
            f"{request.location}/{STATE_FOLDER}: contains parts of a job without {JOB_NAME}. "
            "Delete this folder, or choose another output folder with -o."
        )
    check_outputs(request.output, request.options)
    cohort = collect_cohort(request.argument)
    description = cohort.skipped.describe()
    if description:
        warn(f"skipped: {description}")
    threads = plan_workers(request, len(cohort.inputs)).threads
    job, encoded = resolve_job(request.argument, cohort, request.options, request.choice, threads)
    if not create_job(request.output, job, encoded):
        return None
    if request.remote is not None and not request.remote.push_job(request.output):
        (request.output / JOB_NAME).unlink()
        request.remote.pull_job(request.output)
        return None
    return job


def plan_workers(request: JobRequest, inputs: int) -> WorkerPlan:
    """Return the number of workers and threads for a new job.

    Args:
        request: request of the user.
        inputs: number of inputs.
    """
    if request.dask is not None:
        from edgeseg.batch.dask_cluster import local_workers  # noqa: PLC0415 - needs distributed

        return WorkerPlan(local_workers(request.dask), request.threads or 1)
    workers = count_workers(request.workers, request.threads, request.choice.provider)
    workers = min(workers, inputs)
    return WorkerPlan(workers, request.threads or max(1, cpu.usable_cores() // workers))


def check_outputs(output: Path, options: JobOptions) -> None:
    """Check the output options before a job that may take hours.

    Raises:
        UsageError: The options contradict each other, the table's name has another suffix, or
            another program wrote the table.
        SystemSetupError: An extra or a folder is missing, or another program wrote the page.
    """
    if not options.measures and (options.um_per_px is not None or options.eye is not None):
        raise UsageError(
            "--um-per-px and --eye require --measures. Add --measures or omit these options."
        )
    check_table(table_path(output, options))
    for name in (options.table, options.html):
        # The output folder is created with the job.
        if name is not None and Path(name).parent != Path(input_text(str(output))):
            check_folders(Path(name))
    if options.html is not None:
        from edgeseg.batch.page import check_page_file  # noqa: PLC0415 - needs jinja2

        check_page_file(Path(options.html))


def _report_changes(output: Path, job: JobFile, warn: Warn) -> None:
    """Report files that appeared or disappeared since the job was created."""
    known = {source.path for source in open_inputs(output, job)}
    try:
        cohort = collect_cohort(job.input, known)
    except UsageError as error:
        warn(str(error))
        return
    found = {source.path for source in cohort.inputs}
    new = len(found - known)
    if new:
        warn(
            f"{plural(new, 'file')} added after the job was created and not included. "
            "Start another job for these files."
        )
    gone = len(known - found)
    if gone:
        warn(f"{plural(gone, 'file')} of the job could not be found in {job.input}")


def process_shard(
    request: JobRequest,
    job: JobFile,
    stop: StopRequest,
    make_progress: Callable[[int], JobProgress],
    warn: Warn,
) -> JobProgress:
    """Process the missing inputs of a shard.

    Args:
        request: request with the shard and the number of workers.
        job: job to process.
        stop: stop request; current photographs are finished.
        make_progress: function that returns the progress display for a number of photographs.
        warn: function that prints one line.

    Raises:
        SystemSetupError: Another process has locked the shard, or the results cannot be written.
        EdgesegError: A worker reported an error that ends the job.
    """
    output, shard, remote = request.output, request.shard, request.remote
    with hold_shard(output, shard):
        remove_stale_files(output)
        if remote is not None:
            remote.pull_parts(output)
        missing = list(missing_ranges([done for done, _ in list_parts(output)], job.count))
        tasks = list(shard.tasks(missing, job.task_size))
        total = sum(task.stop - task.start for task in tasks)
        progress = make_progress(total)
        url = None if remote is None else remote.url
        run = ShardRun(output, job, open_inputs(output, job), progress, stop, warn, url)
        if tasks and request.dask is not None:
            from edgeseg.batch.dask_cluster import open_client  # noqa: PLC0415 - needs distributed
            from edgeseg.batch.dask_executor import DaskExecutor  # noqa: PLC0415

            with open_client(request.dask) as client:
                DaskExecutor(client, run).run(iter(tasks))
        elif tasks:
            workers = count_workers(request.workers, job.model.threads, job.model.provider)
            workers = min(workers, len(tasks))
            LocalExecutor(run, workers).run(iter(tasks))
        if remote is not None:
            remote.push_parts(output)
            remote.pull_parts(output)
    return progress
