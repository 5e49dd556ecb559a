"""`edgeseg batch`: segment a cohort of photographs and write one table."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from edgeseg.commands.batch_progress import show_job_progress
from edgeseg.commands.options import measure_options, model_choice_options, reject_nan
from edgeseg.console import plural, print_line
from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.system.signals import stop_by_signals

if TYPE_CHECKING:
    from edgeseg.batch.merge import JobSummary
    from edgeseg.batch.progress import JobProgress
    from edgeseg.batch.remote_output import RemoteOutput
    from edgeseg.batch.run_job import JobRequest
    from edgeseg.measures import Eye
    from edgeseg.models.catalog import PrecisionChoice
    from edgeseg.runtimes.base import ProviderChoice, RuntimeChoice
    from edgeseg.system.signals import StopRequest

_NOT_OF_THE_JOB = (
    "output", "workers", "shard", "resume", "dry_run", "merge", "dask", "insecure",
)  # fmt: skip
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("argument", metavar="[INPUT]", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=str, file_okay=False),
    metavar="DIR",
    help="Folder for the job, the masks and the table. Created if missing.",
)
@click.option(
    "--table",
    type=_FILE,
    metavar="FILE",
    help="Table to write (.csv or .parquet).  [default: DIR/results.csv]",
)
@click.option(
    "--html",
    type=_FILE,
    metavar="FILE",
    help="Write a page with distributions, failures and outliers (extra 'batch').",
)
@click.option(
    "--measures", is_flag=True, help="Measure the vessels and add the measurements to the table."
)
@measure_options
@click.option("--masks/--no-masks", default=True, show_default=True, help="Write vessel masks.")
@click.option(
    "--overlay", is_flag=True, help="Write overlays: photographs with their vessels marked."
)
@click.option("--timings", is_flag=True, help="Add the time per stage to the table.")
@click.option("--skip-ungradable", is_flag=True, help="Skip photographs of low image quality.")
@model_choice_options
@click.option(
    "--threads",
    type=click.IntRange(1),
    metavar="N",
    help="Number of CPU threads per worker.  [default: usable cores divided by workers]",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    metavar="T",
    callback=reject_nan,
    help="Vessel probability threshold.  [default: stored in the model file]",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Number of worker processes.  [default: one per core and per 512 MB of memory]",
)
@click.option(
    "--shard",
    metavar="I/N",
    default="1/1",
    help="Process shard I of N. --merge joins the shards.",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Address of a Dask scheduler, or local:N for N processes on this machine (extra "
    "'cluster').",
)
@click.option("--insecure", is_flag=True, help="Accept a scheduler on another host without TLS.")
@click.option("--resume", is_flag=True, help="Continue the job in DIR with its options.")
@click.option(
    "--merge",
    type=click.Path(path_type=str, file_okay=False),
    metavar="DIR",
    help="Join the shards of the job in DIR and write its table and page. --table and --html "
    "override the file names.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Check the inputs and estimate time and disk space without writing files.",
)
def batch(
    argument: str | None,
    output: str | None,
    table: Path | None,
    html: Path | None,
    measures: bool,
    um_per_px: float | None,
    eye: Eye | None,
    masks: bool,
    overlay: bool,
    timings: bool,
    skip_ungradable: bool,
    model: str,
    precision: PrecisionChoice,
    runtime: RuntimeChoice,
    provider: ProviderChoice | None,
    threads: int | None,
    threshold: float | None,
    workers: int | None,
    shard: str,
    dask: str | None,
    insecure: bool,
    resume: bool,
    merge: str | None,
    dry_run: bool,
) -> None:
    """Segment a cohort of photographs and write one table.

    INPUT is a folder (with its sub-folders), a quoted pattern, or a manifest: a CSV or Parquet file
    with a column `path`. Its other columns are copied to the table. If a photograph
    fails, its row contains the reason, the others are processed, and the exit code is 3.
    """
    if merge is not None:
        _check_merge(argument, output)
        with _open_output(merge) as (folder, remote):
            if remote is not None:
                remote.pull_parts(folder)
            _join(folder, remote, table, html)
        return
    if output is None:
        raise UsageError("Missing option -o. Specify a folder for the results with -o.")
    if not measures and (um_per_px is not None or eye is not None) and not resume:
        raise UsageError(
            "--um-per-px and --eye require --measures. Add --measures or omit these options."
        )
    from edgeseg.batch.job import JobOptions
    from edgeseg.batch.prepare_job import ModelChoice, input_text
    from edgeseg.batch.run_job import JobRequest
    from edgeseg.batch.shard import parse_shard

    if dask is not None:
        _check_cluster(dask, insecure, workers, shard)
    elif insecure:
        raise UsageError("--insecure requires --dask. Add --dask or omit --insecure.")
    options = JobOptions(
        masks=masks,
        overlay=overlay,
        measures=measures,
        timings=timings,
        skip_ungradable=skip_ungradable,
        um_per_px=um_per_px,
        eye=eye,
        table=None if table is None else input_text(str(table)),
        html=None if html is None else input_text(str(html)),
    )
    choice = ModelChoice(model, precision, runtime, provider, threshold)
    request = JobRequest(
        argument, Path(output), options, choice, workers, threads, parse_shard(shard), resume,
        _given_options(), dask,
    )  # fmt: skip
    if dry_run:
        _print_estimate(request)
        return
    with _open_output(output) as (folder, remote):
        _run(request._replace(output=folder, remote=remote))


@contextmanager
def _open_output(output: str) -> Iterator[tuple[Path, RemoteOutput | None]]:
    """Yield the output folder. For a URL, yield a temporary copy and the remote folder."""
    from edgeseg.batch.locations import is_remote

    if not is_remote(output):
        yield Path(output), None
        return
    from edgeseg.batch.remote_output import RemoteOutput, open_copy

    remote = RemoteOutput(output)
    with open_copy(remote) as folder:
        yield folder, remote


def _check_cluster(dask: str, insecure: bool, workers: int | None, shard: str) -> None:
    from edgeseg.batch.dask_cluster import check_address

    if workers is not None or shard != "1/1":
        raise UsageError(
            "--dask cannot be combined with --workers or --shard, because the cluster has its own "
            "workers. Omit one of them."
        )
    check_address(dask, insecure)


def _given_options() -> dict[str, object]:
    """Return the options on the command line that are part of a job. The key is the parameter."""
    context = click.get_current_context()
    given: dict[str, object] = {}
    for name, value in context.params.items():
        is_given = context.get_parameter_source(name) == ParameterSource.COMMANDLINE
        if is_given and value is not None and name not in _NOT_OF_THE_JOB:
            given["input" if name == "argument" else name] = value
    return given


def _check_merge(argument: str | None, output: str | None) -> None:
    others = _given_options().keys() - {"table", "html"}
    if argument is not None or output is not None or others:
        raise UsageError(
            "--merge can be combined only with --table and --html. The job contains all other "
            "options."
        )


def _run(request: JobRequest) -> None:
    from edgeseg.batch.run_job import open_job, process_shard

    job = open_job(request, _warn)
    with stop_by_signals() as stop:
        with show_job_progress() as make_progress:
            progress = process_shard(request, job, stop, make_progress, _warn)
        if stop.asked:
            _exit_after_signal(stop, progress)
    if request.shard.count == 1:
        _join(request.output, request.remote)
        return
    where = request.output if request.remote is None else request.remote.url
    _warn(
        f"shard {request.shard}: {plural(progress.done, 'photograph')} processed, "
        f"{progress.failed} failed; join the shards with --merge {where}"
    )
    if progress.failed:
        sys.exit(1 if progress.bugs else 3)


def _join(
    output: Path,
    remote: RemoteOutput | None,
    table: Path | None = None,
    html: Path | None = None,
) -> None:
    """Write the table and the page of a job. The job contains the default file names."""
    from edgeseg.batch.job import read_job, with_outputs
    from edgeseg.batch.merge import join_parts, table_path
    from edgeseg.batch.prepare_job import input_text
    from edgeseg.batch.run_job import check_outputs
    from edgeseg.batch.table import dictionary_path

    job = read_job(output)
    if job is None:
        raise SystemSetupError(f"{output}: contains no job. Start a job with -o.")
    if table is not None:
        job = with_outputs(job, table=input_text(str(table)))
    if html is not None:
        job = with_outputs(job, html=input_text(str(html)))
    check_outputs(output, job)
    summary = join_parts(output, job)
    file = table_path(output, job)
    shown = str(file)
    if remote is not None and file.parent == output:
        remote.push(output, [file, dictionary_path(file)])
        shown = f"{remote.url}/{file.name}"
    _warn(f"{_describe(summary)}; {summary.rows} rows in {shown}")
    missing = sum(stop - start for start, stop in summary.missing)
    if missing:
        first = summary.missing[0]
        _warn(
            f"{missing} of {plural(job.count, 'photograph')} not processed (the first is number "
            f"{first.start + 1}): the table is incomplete. Process the missing shards, or use "
            "--resume."
        )
    if missing or summary.counts.failed:
        sys.exit(1 if summary.counts.bugs else 3)


def _describe(summary: JobSummary) -> str:
    counts = summary.counts
    reasons = ", ".join(f"{code} {count}" for code, count in summary.reasons.most_common())
    remark = f" ({reasons})" if reasons else ""
    return f"{plural(counts.total, 'photograph')}: {counts.summary()}{remark}"


def _exit_after_signal(stop: StopRequest, progress: JobProgress) -> None:
    left = progress.total - progress.done
    if left:
        _warn(f"stopped: {plural(left, 'photograph')} not processed. Continue with --resume.")
    if stop.signal == signal.SIGINT:
        sys.exit(130)
    sys.exit(143 if left else 0)


def _print_estimate(request: JobRequest) -> None:
    from edgeseg.batch.dry_run import estimate_job
    from edgeseg.console import facts_table, print_table, show_status

    with show_status() as show:
        facts = estimate_job(request, show)
    print_table(facts_table(*facts))


def _warn(line: str) -> None:
    print_line(f"edgeseg: {line}", err=True)
