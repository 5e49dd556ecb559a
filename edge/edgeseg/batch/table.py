"""Writing of a job's table in CSV or Parquet, and of its data dictionary."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from edgeseg.batch.job_input import Cell
from edgeseg.batch.table_columns import TableColumn
from edgeseg.errors import UsageError
from edgeseg.run.results.measures_table import csv_line, is_foreign_table, table_cell
from edgeseg.system.files import open_atomically, write_atomically

TABLE_NAME = "results.csv"

PARQUET_SUFFIXES = (".parquet", ".pq")

_DICTIONARY_HEADER = csv_line(TableColumn._fields)

# Number in a manifest, which is not escaped although it may begin like a formula.
_NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?")


class TableWriter(Protocol):
    """Table that is written row by row."""

    def write(self, rows: Sequence[dict[str, Cell]]) -> None:
        """Append rows. Missing keys are null."""

    def close(self) -> None:
        """Complete the file."""


class CsvTable:
    """Table that is written in CSV.

    Args:
        stream: file that is opened for writing.
        columns: columns of the table.
    """

    def __init__(self, stream: BinaryIO, columns: Sequence[TableColumn]) -> None:
        self._stream = stream
        self._names = [column.name for column in columns]
        header = csv_line([table_cell(name) for name in self._names])
        self._stream.write(header.encode("utf-8", "replace"))

    def write(self, rows: Sequence[dict[str, Cell]]) -> None:
        """Append rows. The cells for missing keys are empty."""
        lines: list[str] = []
        for row in rows:
            lines.append(csv_line([_cell(row.get(name)) for name in self._names]))
        self._stream.write("".join(lines).encode("utf-8", "replace"))

    def close(self) -> None:
        """Do nothing, because a CSV file has no footer."""


def _cell(value: Cell) -> str:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return value
    return table_cell(value)


def is_parquet_name(path: Path) -> bool:
    """Return whether a table of this name is written in Parquet."""
    return path.name.lower().endswith(PARQUET_SUFFIXES)


def check_table(path: Path) -> None:
    """Check that a table and its data dictionary can be written.

    Raises:
        UsageError: The name has another suffix, or a file exists that edgeseg did not write.
        SystemSetupError: pyarrow, which writes Parquet, is not installed.
    """
    if is_parquet_name(path):
        from edgeseg.batch.parquet import is_foreign_parquet  # noqa: PLC0415 - needs pyarrow

        is_foreign = is_foreign_parquet(path)
    elif path.suffix.lower() == ".csv":
        is_foreign = is_foreign_table(path)
    else:
        raise UsageError(f"--table {path}: unknown table format. Use the suffix .csv or .parquet.")
    if not is_foreign:
        path = dictionary_path(path)
        is_foreign = is_foreign_table(path, _DICTIONARY_HEADER)
    if is_foreign:
        raise UsageError(
            f"{path}: refusing to overwrite a file that edgeseg did not write. "
            "Move it or choose another --table."
        )


@contextmanager
def open_table(path: Path, columns: Sequence[TableColumn]) -> Iterator[TableWriter]:
    """Open a table. The file is visible only after the block ends without an exception.

    Raises:
        SystemSetupError: The file cannot be written.
    """
    with open_atomically(path, follow_links=False) as stream:
        writer: TableWriter
        if is_parquet_name(path):
            from edgeseg.batch.parquet import ParquetTable  # noqa: PLC0415 - needs pyarrow

            writer = ParquetTable(stream, columns)
        else:
            writer = CsvTable(stream, columns)
        yield writer
        writer.close()


def dictionary_path(table: Path) -> Path:
    """Return the path of a table's data dictionary."""
    return table.with_name(f"{table.stem}_dictionary.csv")


def write_dictionary(table: Path, columns: Sequence[TableColumn]) -> None:
    """Write the data dictionary of a table, with one row per column.

    Raises:
        SystemSetupError: The file cannot be written.
    """
    lines = [_DICTIONARY_HEADER]
    for column in columns:
        lines.append(csv_line([table_cell(value) for value in column]))
    content = "".join(lines).encode("utf-8", "replace")
    write_atomically(dictionary_path(table), content, follow_links=False)
