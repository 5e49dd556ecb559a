"""Steps of `edgeseg batch`: process a shard, merge the shards, estimate a job."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseg.commands.batch_progress import show_job_progress
from edgeseg.console import plural, print_line
from edgeseg.errors import SystemSetupError
from edgeseg.system.signals import stop_by_signals

if TYPE_CHECKING:
    from edgeseg.batch.merge import JobSummary
    from edgeseg.batch.remote_output import RemoteOutput
    from edgeseg.batch.run_job import JobRequest


@contextmanager
def open_output(output: str) -> Iterator[tuple[Path, RemoteOutput | None]]:
    """Yield the output folder. For a URL, yield a temporary copy and the remote folder."""
    from edgeseg.batch.locations import is_remote

    if not is_remote(output):
        yield Path(output), None
        return
    from edgeseg.batch.remote_output import RemoteOutput, open_copy

    remote = RemoteOutput(output)
    with open_copy(remote) as folder:
        yield folder, remote


def process_job(request: JobRequest) -> None:
    """Process a shard of a job. If it is the only shard, write the table."""
    from edgeseg.batch.merge import count_shard
    from edgeseg.batch.run_job import open_job, process_shard

    job = open_job(request, _warn)
    with stop_by_signals() as stop:
        with show_job_progress() as make_progress:
            progress = process_shard(request, job, stop, make_progress, _warn)
        left = progress.total - progress.done
        if stop.signal == signal.SIGINT or (stop.asked and left):
            rest = f"{plural(left, 'file')} not processed" if left else "the table was not written"
            _warn(f"stopped: {rest}. Continue with --resume.")
            sys.exit(128 + stop.signal)
    if request.shard.count == 1:
        if request.resume and not progress.total:
            _warn("the job was already complete; the table is written again")
        _join(request.output, request.remote)
        return
    counts = count_shard(request.output, job, request.shard)
    _warn(
        f"shard {request.shard}: {plural(progress.done, 'file')} processed by this call; "
        f"whole shard: {plural(counts.total, 'photograph')}, {counts.failed} failed. Merge "
        f"the shards with --merge {request.location}"
    )
    if counts.failed:
        sys.exit(1 if counts.bugs else 3)


def merge_shards(output: str, table: Path | None, html: Path | None) -> None:
    """Merge the shards of a job and write its table and page.

    Args:
        output: output folder or URL.
        table: table to write instead of the table of the job.
        html: page to write instead of the page of the job.
    """
    with open_output(output) as (folder, remote):
        if remote is not None:
            remote.pull_parts(folder)
        _join(folder, remote, table, html)


def _join(
    output: Path,
    remote: RemoteOutput | None,
    table: Path | None = None,
    html: Path | None = None,
) -> None:
    """Write the table and the page of a job. By default, the job specifies the file names."""
    from edgeseg.batch.job import read_job, with_outputs
    from edgeseg.batch.merge import join_parts, table_path
    from edgeseg.batch.prepare_job import input_text
    from edgeseg.batch.run_job import check_outputs
    from edgeseg.batch.table import dictionary_path

    job = read_job(output)
    if job is None:
        where = output if remote is None else remote.url
        raise SystemSetupError(f"{where}: contains no job. Start a job with -o.")
    if table is not None:
        job = with_outputs(job, table=input_text(str(table)))
    if html is not None:
        job = with_outputs(job, html=input_text(str(html)))
    check_outputs(output, job.options)
    summary = join_parts(output, job)
    file = table_path(output, job.options)
    shown = str(file)
    if remote is not None and file.parent == output:
        remote.push(output, [file, dictionary_path(file)])
        shown = f"{remote.url}/{file.name}"
    page = "" if job.options.html is None else f", page in {job.options.html}"
    _warn(f"{_describe(summary)}; {plural(summary.rows, 'row')} in {shown}{page}")
    if summary.counts.failed:
        _warn(f"the failed photographs are listed in {shown}, in the rows with the status `failed`")
    missing = sum(stop - start for start, stop in summary.missing)
    if missing:
        first = summary.missing[0]
        _warn(
            f"{missing} of {plural(job.count, 'file')} not processed (the first is number "
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


def print_estimate(request: JobRequest, output: str) -> None:
    """Check the inputs of a job, and print the estimated time and disk space.

    Args:
        request: request of the user.
        output: output folder or URL.
    """
    from edgeseg.batch.dry_run import estimate_job
    from edgeseg.batch.locations import is_remote
    from edgeseg.console import facts_table, print_table, show_status

    if is_remote(output):
        from edgeseg.batch.remote_output import RemoteOutput

        request = request._replace(remote=RemoteOutput(output))
    with show_status() as show:
        facts = estimate_job(request, show)
    print_table(facts_table(*facts))


def _warn(line: str) -> None:
    print_line(f"edgeseg: {line}", err=True)
