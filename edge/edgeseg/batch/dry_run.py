"""Estimate of a job's inputs, equal names, disk space and time. No files are written."""

import io
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import psutil

from edgeseg.batch.collect import collect_cohort
from edgeseg.batch.job_input import JobInput
from edgeseg.batch.locations import is_remote
from edgeseg.batch.parts import list_parts, read_entries
from edgeseg.batch.prepare_job import resolve_job
from edgeseg.batch.processor import TaskProcessor
from edgeseg.batch.progress import format_duration
from edgeseg.batch.run_job import JobRequest, WorkerPlan, check_outputs, plan_workers
from edgeseg.batch.table import CsvTable
from edgeseg.batch.table_columns import make_row, table_columns
from edgeseg.console import ShowProgress, plural
from edgeseg.errors import InvalidImageError, UsageError
from edgeseg.imaging.file_headers import peek_header
from edgeseg.imaging.file_signatures import SIGNATURE_BYTES
from edgeseg.run.results.record import Records
from edgeseg.system.regular_files import open_regular_file
from edgeseg.system.signals import StopRequest

_SAMPLE = 8
_MB = 1_000_000


class SampleCost(NamedTuple):
    """Cost of one file, measured on a sample.

    Attributes:
        seconds: processing time of one worker in seconds.
        output_bytes: size of the masks, overlays and records in bytes.
    """

    seconds: float
    output_bytes: float


def estimate_job(request: JobRequest, show: ShowProgress) -> list[tuple[str, str]]:
    """Return the estimate for a job as headings and values.

    Args:
        request: request of the user.
        show: callback for the current step.

    Raises:
        EdgesegError: `edgeseg batch` would reject the job.
    """
    if request.argument is None:
        raise UsageError("--dry-run requires INPUT. Specify a folder, a pattern or a manifest.")
    check_outputs(request.output, request.options)
    show("collecting the inputs")
    cohort = collect_cohort(request.argument)
    count = len(cohort.inputs)
    plan = plan_workers(request, count)
    job, _ = resolve_job(request.argument, cohort, request.options, request.choice, plan.threads)
    show("reading the headers")
    missing: list[str] = []
    unreadable: list[str] = []
    for one in cohort.inputs:
        if _is_missing(one.path):
            missing.append(one.source)
        elif not _has_header(one.path):
            unreadable.append(one.source)
    show("processing a sample")
    cv2.setNumThreads(plan.threads)
    with tempfile.TemporaryDirectory() as folder:
        processor = TaskProcessor(Path(folder), job)
        cost = _measure_cost(processor, _select_sample(cohort.inputs))
    facts = [
        ("files", f"{count:,}"),
        ("skipped files", cohort.skipped.describe() or "none"),
        ("renamed results", f"{cohort.renamed:,} (files with equal names)"),
        ("missing files", f"{len(missing):,}{_examples(missing)}"),
        ("without a valid header", f"{len(unreadable):,}{_examples(unreadable)}"),
        ("model", f"{job.model.name} {job.model.precision}, {job.model.runtime}"),
        ("required disk space", f"{cost.output_bytes * count / _MB:,.0f} MB"),
    ]
    if request.remote is None:
        facts.append(("free disk space", f"{_free_bytes(request.output) / _MB:,.0f} MB"))
    return facts + _time_facts(request, plan, count, cost.seconds)


def _time_facts(
    request: JobRequest, plan: WorkerPlan, count: int, seconds: float
) -> list[tuple[str, str]]:
    """Return the number of workers and the time. The size of a Dask cluster is not known."""
    per_file = f"{seconds * 1000:.0f} ms per file and worker"
    threads = f"{plural(plan.threads, 'thread')} each"
    if plan.workers is None:
        return [
            ("workers", f"those of the Dask cluster, with {threads}"),
            ("estimated time", per_file),
        ]
    shards = -(-count // request.shard.count)
    duration = format_duration(seconds * shards / min(plan.workers, shards))
    facts = [
        ("workers", f"{plan.workers} with {threads}"),
        ("estimated time", f"{duration} ({per_file})"),
    ]
    if request.shard.count > 1:
        facts.append(("shard", f"{request.shard}, about {shards:,} files"))
    return facts


def _is_missing(location: str) -> bool:
    return not is_remote(location) and not os.path.exists(location)  # noqa: PTH110


def _has_header(location: str) -> bool:
    """Return whether the file begins with the header of a photograph."""
    if is_remote(location):
        return True  # remote files are not read for the estimate
    try:
        with open_regular_file(Path(location)) as file:
            beginning = file.read(SIGNATURE_BYTES)
        if not beginning.startswith(b"\x1f\x8b"):
            peek_header(beginning)
    except (OSError, ValueError, InvalidImageError):
        return False
    return True


def _select_sample(inputs: Sequence[JobInput]) -> list[JobInput]:
    """Return files at regular intervals of the list."""
    step = max(1, len(inputs) // _SAMPLE)
    return list(inputs[step // 2 :: step][:_SAMPLE])


def _measure_cost(processor: TaskProcessor, sample: Sequence[JobInput]) -> SampleCost:
    """Measure the cost of processing a sample.

    The first file of the sample is also processed before the measurement, because the first
    segmentation is slower than the next ones.
    """
    stop = StopRequest()
    processor.process(0, sample[:1], _ignore, stop)
    start = time.perf_counter()
    processor.process(1, sample, _ignore, stop)
    seconds = time.perf_counter() - start
    first = list_parts(processor.output)[0][1]
    files = [path for path in processor.output.rglob("*") if path.is_file() and path != first]
    size = sum(path.stat().st_size for path in files) + _table_bytes(processor)
    return SampleCost(seconds / len(sample), size / len(sample))


def _table_bytes(processor: TaskProcessor) -> int:
    """Return the size in bytes of the sample's rows in a CSV table."""
    rows = [
        make_row(record, JobInput("", "", ""), ())
        for entry in read_entries(processor.output)
        for record in entry.records
        if entry.number > 0
    ]
    table = io.BytesIO()
    CsvTable(table, table_columns(processor.job)).write(rows)
    return len(table.getvalue())


def _ignore(_records: Records) -> None:
    """Ignore the records of a photograph."""


def _examples(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = ", ..." if len(names) > 3 else ""
    return f" ({', '.join(names[:3])}{more})"


def _free_bytes(output: Path) -> int:
    folder = output.absolute()
    while not folder.is_dir():
        folder = folder.parent
    return int(psutil.disk_usage(str(folder)).free)
