"""Parquet files for manifests and tables. Only this module requires pyarrow."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from edgeseg.batch.job_input import Cell
from edgeseg.batch.manifest_table import ManifestColumn, ManifestTable
from edgeseg.batch.table_columns import TableColumn
from edgeseg.errors import UsageError, missing_extra, one_line

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ModuleNotFoundError as error:
    raise missing_extra("a Parquet file", "batch", "pyarrow") from error

_MARK = b"edgeseg"  # key in the metadata of edgeseg's tables


def read_parquet_manifest(file: Path) -> ManifestTable:
    """Read a Parquet file.

    Text, numbers, Boolean values, dates, and times without a time zone keep their types. Other
    types become text.

    Raises:
        UsageError: The file is damaged, or a column has nested values.
    """
    try:
        table = pq.read_table(file, use_threads=False)
        table.validate(full=True)  # detects damage such as text that is not UTF-8
        names = table.column_names
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise UsageError(
            f"{file}: not a readable Parquet file ({one_line(error)}). Save the table again."
        ) from error
    columns: list[ManifestColumn] = []
    values: list[list[Cell]] = []
    for name, chunks in zip(names, table.columns, strict=True):
        kept = chunks
        if pa.types.is_dictionary(chunks.type):
            kept = chunks.cast(chunks.type.value_type)
        column_type = kept.type if _is_kept(kept.type) else pa.string()
        if not _has_json_values(column_type):
            try:
                kept = kept.cast(pa.string())
            except pa.ArrowException as error:
                raise UsageError(
                    f"{file}: column {name!r} has the type {chunks.type}, which "
                    "cannot be converted to text. Remove the column."
                ) from error
        columns.append(ManifestColumn(name, str(column_type)))
        values.append(kept.to_pylist())
    rows = [tuple(row) for row in zip(*values, strict=True)]
    return ManifestTable(tuple(columns), list(enumerate(rows, 1)))


def _is_kept(kind: pa.DataType) -> bool:
    is_time = pa.types.is_date32(kind) or (pa.types.is_timestamp(kind) and kind.tz is None)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(is_time or is_number or pa.types.is_boolean(kind))


def _has_json_values(kind: pa.DataType) -> bool:
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(is_number or pa.types.is_boolean(kind))


def is_foreign_parquet(file: Path) -> bool:
    """Return whether a file exists that edgeseg did not write."""
    if not file.exists():
        return False
    try:
        return _MARK not in (pq.read_schema(file).metadata or {})
    except (OSError, pa.ArrowException):
        return True


class ParquetTable:
    """Parquet table, written in groups of rows. Its types depend on the columns, not on the data.

    Args:
        stream: file that is opened for writing.
        columns: columns of the table.
    """

    def __init__(self, stream: BinaryIO, columns: Sequence[TableColumn]) -> None:
        fields = []
        for column in columns:
            metadata = {"definition": column.definition, "unit": column.unit}
            kind = pa.type_for_alias(column.type)
            fields.append(pa.field(column.name, kind, metadata=metadata))
        self._schema = pa.schema(fields, metadata={_MARK: b"cohort"})
        self._writer = pq.ParquetWriter(stream, self._schema, compression="zstd")

    def write(self, rows: Sequence[dict[str, Cell]]) -> None:
        """Append rows. Missing keys are null."""
        arrays: list[pa.Array] = []
        for field in self._schema:
            values = [row.get(field.name) for row in rows]
            arrays.append(_make_array(values, field.type))
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


def _make_array(values: list[Cell], kind: pa.DataType) -> pa.Array:
    if pa.types.is_date32(kind) or pa.types.is_timestamp(kind):
        return pa.array(values, pa.string()).cast(kind)
    if pa.types.is_floating(kind):
        return pa.array(values, pa.float64()).cast(kind)
    return pa.array(values, kind)
