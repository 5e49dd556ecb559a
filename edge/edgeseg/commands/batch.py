"""`edgeseg batch`: segment a cohort of photographs and write one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from edgeseg.commands.batch_job import merge_shards, open_output, print_estimate, process_job
from edgeseg.commands.options import measure_options, model_choice_options, threshold_option
from edgeseg.errors import UsageError

if TYPE_CHECKING:
    from edgeseg.measures import Eye
    from edgeseg.models.catalog import PrecisionChoice
    from edgeseg.runtimes.base import ProviderChoice, RuntimeChoice

_NOT_OF_THE_JOB = (
    "output", "workers", "shard", "resume", "dry_run", "merge", "dask", "insecure",
)  # fmt: skip
_FILE = click.Path(path_type=Path, dir_okay=False)


def _require_single_input(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> str | None:
    if len(values) > 1:
        raise UsageError(
            f"{len(values)} inputs given instead of one. Quote the pattern so that the shell does "
            "not expand it, or specify a folder or a manifest."
        )
    return values[0] if values else None


@click.command()
@click.argument("argument", metavar="[INPUT]", nargs=-1, callback=_require_single_input)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=str, file_okay=False),
    metavar="DIR",
    help="Folder or URL for the job, the masks and the table. Created if missing.",
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
    help="Write an HTML page with distributions, failures and outliers (requires extra 'batch').",
)
@click.option(
    "--measures",
    is_flag=True,
    help="Measure the vessels and add the measurements to the table. Required by --um-per-px and "
    "--eye.",
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
@threshold_option
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Number of worker processes.  [default: one per core, at most one per 512 MB of memory]",
)
@click.option(
    "--shard",
    metavar="I/N",
    default="1/1",
    help="Process shard I of N. --merge merges the shards.",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Address of a Dask scheduler, or local:N for N processes on this machine (requires "
    "extra 'cluster').",
)
@click.option("--insecure", is_flag=True, help="Accept a scheduler on another host without TLS.")
@click.option(
    "--resume",
    is_flag=True,
    help="Continue the job in the folder of -o, with the options stored in the job.",
)
@click.option(
    "--merge",
    type=click.Path(path_type=str, file_okay=False),
    metavar="DIR",
    help="Merge the shards of the job in DIR. Write the table and, if the job was created with "
    "--html, the HTML page. --table and --html override the file names.",
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

    INPUT is a folder (including sub-folders), a quoted pattern, or a manifest. A manifest is a CSV
    or Parquet file with a column `path`. All columns are copied to the table. If a photograph
    fails, its row contains the reason, the others are processed, and the exit code is 3.
    """
    if merge is not None:
        _check_merge()
        merge_shards(merge, table, html)
        return
    if output is None:
        raise UsageError("Missing option -o. Specify a folder for the results with -o.")
    _check_cluster(dask, insecure, workers, shard)
    from edgeseg.batch.job import JobOptions
    from edgeseg.batch.prepare_job import ModelChoice
    from edgeseg.batch.run_job import JobRequest
    from edgeseg.batch.shard import parse_shard

    options = JobOptions(
        masks=masks, overlay=overlay, measures=measures, timings=timings, um_per_px=um_per_px,
        skip_ungradable=skip_ungradable, eye=eye, table=_path_text(table), html=_path_text(html),
    )  # fmt: skip
    choice = ModelChoice(model, precision, runtime, provider, threshold)
    given = {name: value for name, value in _given_options().items() if name not in _NOT_OF_THE_JOB}
    request = JobRequest(
        argument, Path(output), options, choice, workers, threads, parse_shard(shard), resume,
        given, dask,
    )  # fmt: skip
    if dry_run:
        print_estimate(request, output)
        return
    with open_output(output) as (folder, remote):
        process_job(request._replace(output=folder, remote=remote))


def _path_text(path: Path | None) -> str | None:
    from edgeseg.batch.prepare_job import input_text

    return None if path is None else input_text(str(path))


def _check_cluster(dask: str | None, insecure: bool, workers: int | None, shard: str) -> None:
    if dask is None:
        if insecure:
            raise UsageError("--insecure requires --dask. Add --dask or omit --insecure.")
        return
    from edgeseg.batch.dask_cluster import check_address

    if workers is not None or shard != "1/1":
        raise UsageError(
            "--dask cannot be combined with --workers or --shard, because the cluster has its own "
            "workers. Omit one of them."
        )
    check_address(dask, insecure)


def _given_options() -> dict[str, object]:
    """Return the arguments and options on the command line, by parameter name."""
    context = click.get_current_context()
    given: dict[str, object] = {}
    for name, value in context.params.items():
        is_given = context.get_parameter_source(name) == ParameterSource.COMMANDLINE
        if is_given and value is not None:
            given["input" if name == "argument" else name] = value
    return given


def _check_merge() -> None:
    if _given_options().keys() - {"merge", "table", "html"}:
        raise UsageError(
            "--merge can be combined only with --table and --html. The job contains all other "
            "options."
        )
