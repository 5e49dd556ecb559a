"""Reading of CSV manifests. All values are text."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from edgeseg.batch.job_input import Cell
from edgeseg.batch.manifest_table import ManifestColumn, ManifestTable
from edgeseg.errors import UsageError, one_line

_DELIMITERS = (",", ";", "\t")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_FIRST_ROW = 2  # row number in a spreadsheet; the header is row 1


def read_csv_manifest(file: Path, stream: BinaryIO) -> ManifestTable:
    """Read a CSV file: UTF-8 or UTF-16, with commas, semicolons or tabs.

    Args:
        file: path for error messages.
        stream: opened file.

    Raises:
        UsageError: The file is not valid CSV.
    """
    encoding = "utf-16" if stream.read(2) in _UTF16_MARKS else "utf-8-sig"
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    try:
        header_line = text.readline()
        text.seek(0)
        reader = csv.reader(text, delimiter=_find_delimiter(header_line), strict=True)
        names = next(reader, [])
        rows = list(_read_rows(file, reader, len(names)))
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file}: not a manifest in UTF-8. Save the file as CSV in UTF-8."
        ) from error
    except csv.Error as error:
        raise UsageError(
            f"{file}: line {reader.line_num} is not valid CSV ({one_line(error)}). Correct it."
        ) from error
    return ManifestTable(tuple(map(ManifestColumn, names)), rows)


def _find_delimiter(header: str) -> str:
    """Return the delimiter that gives a column `path`. The default is a comma."""
    for delimiter in _DELIMITERS:
        with suppress(csv.Error):  # a long name is reported when the rows are read
            if "path" in next(csv.reader([header], delimiter=delimiter), []):
                return delimiter
    return ","


def _read_rows(
    file: Path, reader: Iterable[list[str]], width: int
) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    """Yield the rows that are not blank."""
    for number, cells in enumerate(reader, _FIRST_ROW):
        if len(cells) != width and any(cells):
            raise UsageError(
                f"{file}: row {number} has {len(cells)} cells instead of {width}. Correct it."
            )
        if any(cells):
            yield number, tuple(cells)
