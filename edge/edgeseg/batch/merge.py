"""Merging of a job's part files into a table."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from edgeseg.batch.job import JobFile, JobOptions, open_inputs
from edgeseg.batch.job_input import Cell, InputFile, JobInput
from edgeseg.batch.parts import (
    InputRange,
    PartEntry,
    list_parts,
    missing_ranges,
    read_entries,
)
from edgeseg.batch.shard import Shard
from edgeseg.batch.table import TABLE_NAME, open_table, write_dictionary
from edgeseg.batch.table_columns import make_row, table_columns
from edgeseg.run.results.reporter import FrameCounts, first_codes

_ROWS_AT_ONCE = 5000


class JobSummary(NamedTuple):
    """State of a job.

    Attributes:
        counts: number of photographs for each outcome.
        reasons: number of failed or skipped photographs for each code of `first_codes`.
        rows: number of rows of the table.
        missing: ranges of inputs that are not processed.
    """

    counts: FrameCounts
    reasons: Counter[str]
    rows: int
    missing: list[InputRange]


def table_path(output: Path, options: JobOptions) -> Path:
    """Return the path of a job's table."""
    return output / TABLE_NAME if options.table is None else Path(options.table)


def join_parts(output: Path, job: JobFile) -> JobSummary:
    """Write the table, its data dictionary and, if requested, the cohort page.

    Raises:
        SystemSetupError: A part is damaged, or a file cannot be written.
    """
    inputs = open_inputs(output, job)
    columns = table_columns(job)
    manifest_names = [column.name for column in columns[len(columns) - len(job.columns) :]]
    counts = FrameCounts()
    reasons = Counter[str]()
    rows = 0
    page = None
    if job.options.html is not None:
        from edgeseg.batch.page import CohortPage  # noqa: PLC0415 - needs jinja2

        page = CohortPage(Path(job.options.html), output, job)
    path = table_path(output, job.options)
    with open_table(path, columns) as table:
        pairs = _pair_entries(inputs, output)
        while block := list(islice(pairs, _ROWS_AT_ONCE)):
            cells: list[dict[str, Cell]] = []
            for source, entry in block:
                for records in entry.frames():
                    counts.add(records)
                    reasons.update(first_codes(records))
                    cells += [make_row(record, source, manifest_names) for record in records]
                    if page is not None:
                        page.add(entry.number, records)
            table.write(cells)
            rows += len(cells)
    write_dictionary(path, columns)
    missing = list(missing_ranges([one for one, _ in list_parts(output)], job.count))
    summary = JobSummary(counts, reasons, rows, missing)
    if page is not None:
        page.write(counts)
    return summary


def count_shard(output: Path, job: JobFile, shard: Shard) -> FrameCounts:
    """Count the outcomes of a shard's photographs, including those of earlier calls.

    Raises:
        SystemSetupError: A part is damaged.
    """
    counts = FrameCounts()
    # A part contains inputs of one task only.
    for entry in read_entries(output, lambda part: shard.contains(part.start, job.task_size)):
        for records in entry.frames():
            counts.add(records)
    return counts


def _pair_entries(inputs: InputFile, output: Path) -> Iterator[tuple[JobInput, PartEntry]]:
    """Yield each entry with its input, in the order of the inputs."""
    sources = enumerate(inputs)
    for entry in read_entries(output):
        for number, source in sources:
            if number == entry.number:
                yield source, entry
                break
