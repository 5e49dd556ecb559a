"""Columns of a cohort's table: fields of the record and columns of the manifest.

Names and types of the columns depend only on the job, never on the data.
"""

from collections.abc import Sequence
from typing import NamedTuple

from edgeseg.batch.job import JobFile
from edgeseg.batch.job_input import Cell, JobInput
from edgeseg.measures.values import FieldMeasures
from edgeseg.run.results.columns import Column, columns, flatten_record
from edgeseg.run.results.measures_table import column_names
from edgeseg.run.results.record import ResultRecord
from edgeseg.system.stage_timer import STAGES

_ARROW_TYPES = {"integer": "int64", "number": "double", "boolean": "bool"}
_SCALE_COLUMNS = ("um_per_px", "um_per_px_source", "um_per_px_status")
_MEASURED_COLUMNS = ("measures_status", "eye", "eye_source", *_SCALE_COLUMNS)


class TableColumn(NamedTuple):
    """Column of the table.

    Attributes:
        name: name of the column.
        type: pyarrow's name of the type; lists of codes are text, joined with `;`.
        unit: unit, or an empty text.
        definition: definition in one sentence.
        version: version of the definition; 0 for a column of the manifest.
    """

    name: str
    type: str
    unit: str
    definition: str
    version: int


def table_columns(job: JobFile) -> tuple[TableColumn, ...]:
    """Return the columns of a job's table."""
    by_name = {column.name: column for column in columns()}
    names = column_names(micrometres=job.has_scale, anatomical=job.has_eye)
    found: list[TableColumn] = []
    for name in names:
        if _is_used(name, job):
            found.append(_record_column(by_name[name]))
    if job.options.timings:
        for stage in STAGES[:-1]:  # without the stages of videos
            found.append(
                TableColumn(f"timings_ms_{stage}", "double", "ms", f"Time of the {stage} stage.", 1)
            )
    return (*found, *_manifest_columns(job))


def _is_used(name: str, job: JobFile) -> bool:
    if name == "files_mask":
        return job.options.masks
    if name == "files_overlay":
        return job.options.overlay
    if name.startswith("files_") or name == "position_s":
        return False
    is_measure = name in FieldMeasures.__struct_fields__ and name != "vessel_density"
    if is_measure or name.startswith("quadrant_") or name in _MEASURED_COLUMNS:
        return job.options.measures
    return True


def _record_column(column: Column) -> TableColumn:
    kind = _ARROW_TYPES.get(column.type.removesuffix(" or null"), "string")
    return TableColumn(column.name, kind, column.unit, column.definition, column.version)


def _manifest_columns(job: JobFile) -> list[TableColumn]:
    taken = {column.name for column in columns()}
    found: list[TableColumn] = []
    for column in job.columns:
        name = column.name
        while name in taken:
            name = f"manifest_{name}"
        taken.add(name)
        definition = f"Column {column.name!r} of the manifest."
        found.append(TableColumn(name, column.type, "", definition, 0))
    return found


def make_row(
    record: ResultRecord, source: JobInput, manifest_names: Sequence[str]
) -> dict[str, Cell]:
    """Return the values of a row by column name. Missing values are omitted.

    Args:
        record: result of one field of view.
        source: photograph of this record, with the values of the manifest.
        manifest_names: names of the manifest's columns in the table.
    """
    row: dict[str, Cell] = {}
    for name, value in flatten_record(record).items():
        row[name] = ";".join(map(str, value)) if isinstance(value, (list, tuple)) else value
    row.update(zip(manifest_names, source.values, strict=True))
    return row
