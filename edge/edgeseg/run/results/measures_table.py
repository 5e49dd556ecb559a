"""Table `measures.csv` with one row per field of view."""

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from edgeseg.errors import UsageError
from edgeseg.measures.values import FieldMeasures
from edgeseg.run.results.columns import columns, flatten_record
from edgeseg.run.results.record import IDENTIFIERS, ResultRecord
from edgeseg.run.results.stored_rows import (
    ImageIndex,
    Replacements,
    Row,
    image_key,
    parse_rows,
    read_table,
)
from edgeseg.system.csv_cells import protect_cell
from edgeseg.system.regular_files import open_regular_file
from edgeseg.system.shared_file import SharedFile

FILE_NAME = "measures.csv"

_OMITTED = ("time", "timings_ms", "dropped", "repeats", "reused")
_FIRST_COLUMNS = "source,frame,"
# The table is rewritten when this share of its images has new rows. If it were rewritten for each
# image, the time of a run would be quadratic.
_MAX_REPLACED_SHARE = 0.05


class MeasuresTable:
    """Table of the measurements of all runs with one output folder.

    New rows are written as soon as their record is complete. Therefore the table of a stream is up
    to date, and the rows of an interrupted run are complete. Rows of earlier runs are kept. If an
    image is processed again, the new rows replace the earlier rows of the image at the same
    position; `flush` writes such rows. Several processes may use the same table. Columns in
    micrometres are included if the size of a pixel is known. Anatomical names of the quadrants are
    included if the eye is known. An option, a photograph (such as a DICOM file) or an earlier run
    can provide them.

    Args:
        folder: output folder; paths in the table are relative to it.
        micrometres: whether to include the columns in micrometres and millimetres from the start.
        anatomical: whether to include the anatomical names of the quadrants from the start.
        identifiers: whether to include the identifiers of patient, study and series. If False, the
            identifiers are also removed from the rows of earlier runs.

    Raises:
        UsageError: The folder contains a file with the table's name that edgeseg did not write, or
            a table with columns that this version does not have.
        SystemSetupError: The file cannot be written.
    """

    def __init__(
        self, folder: Path, micrometres: bool, anatomical: bool, identifiers: bool = False
    ) -> None:
        self.file = folder / FILE_NAME
        self._folder = folder
        self._micrometres = micrometres
        self._anatomical = anatomical
        self._identifiers = identifiers
        self._names = column_names(micrometres, anatomical, identifiers)
        self._index = ImageIndex()
        self._replacements = Replacements()
        self._shared = SharedFile(self.file, csv_line(self._names))
        _reject_foreign_table(self.file)
        with self._locked():
            pass

    def add(self, records: Sequence[ResultRecord], is_stream: bool = False) -> None:
        """Write the rows of one image. If it replaces rows, `flush` may be required.

        Args:
            records: records of the image.
            is_stream: whether the image is a frame of a stream. Such a frame is added only once,
                so that its rows need not be indexed.

        Raises:
            SystemSetupError: The file cannot be written.
        """
        self._add_columns(records)
        with self._locked():
            rows = [self._row(record) for record in records]
            lines = [self._line(row) for row in rows]
            earlier = self._index.pop_image(rows)
            if not earlier and any(image_key(row) in self._replacements for row in rows):
                # Otherwise, the pending replacement would also replace the new rows.
                self._rewrite()
            if not is_stream:
                for row, line in zip(rows, lines, strict=True):
                    self._index.add(row, line)
            text = "".join(lines)
            if not earlier:
                self._shared.append(text)
            elif list(earlier.values()) != [text]:
                self._replacements.add(earlier, rows)
                if len(self._replacements) >= _MAX_REPLACED_SHARE * len(self._index):
                    self._rewrite()

    def remove_source(self, source: str) -> None:
        """Remove the rows of all frames of a source.

        Raises:
            SystemSetupError: The file cannot be written.
        """
        with self._locked():
            earlier = self._index.pop_source(str(protect_cell(source)))
            if earlier:
                self._replacements.add(earlier, ())
                self._rewrite()

    def flush(self) -> None:
        """Write the rows that replace earlier rows.

        Raises:
            SystemSetupError: The file cannot be written.
        """
        if self._replacements:
            with self._locked():
                self._rewrite()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock the table and index the rows of other processes."""
        with self._shared.locked() as added:
            if added is None:
                self._rewrite()
            else:
                for row in parse_rows(added.decode(), self._names):
                    self._index.add(row, self._line(row))
            yield

    def _rewrite(self) -> None:
        """Read the table again, and write it with all columns and replacements."""
        stored = read_table(self.file, column_names(True, True, True))
        self._micrometres |= any(_is_metric(name) for name in stored.names)
        self._anatomical |= any(_is_anatomical(name) for name in stored.names)
        self._names = column_names(self._micrometres, self._anatomical, self._identifiers)
        self._index = ImageIndex()
        lines = [csv_line(self._names)]
        for row in self._replacements.apply(stored.rows):
            line = self._line(row)
            self._index.add(row, line)
            lines.append(line)
        self._shared.replace("".join(lines))
        self._replacements = Replacements()

    def _add_columns(self, records: Sequence[ResultRecord]) -> None:
        """Add columns that are required for the first time. Earlier rows have empty cells."""
        micrometres = self._micrometres or any(_is_known(record.um_per_px) for record in records)
        anatomical = self._anatomical or any(_is_known(record.eye) for record in records)
        if (micrometres, anatomical) == (self._micrometres, self._anatomical):
            return
        self._micrometres, self._anatomical = micrometres, anatomical
        with self._shared.locked():
            self._rewrite()

    def _row(self, record: ResultRecord) -> Row:
        values = flatten_record(record)
        for name in [name for name in values if name.startswith("files_")]:
            values[name] = relative_path(values[name], self._folder)
        return {name: table_cell(values.get(name)) for name in self._names}

    def _line(self, row: Row) -> str:
        return csv_line([row.get(name, "") for name in self._names])


def _is_metric(name: str) -> bool:
    return name.endswith(("_um", "_per_mm", "_per_mm2"))


def _is_anatomical(name: str) -> bool:
    return name.startswith(("quadrant_superior", "quadrant_inferior"))


def _is_known(value: object) -> bool:
    return value is not None and value is not UNSET


def column_names(micrometres: bool, anatomical: bool, identifiers: bool = False) -> list[str]:
    """Return the names of a table's columns, without columns for streams and times.

    Args:
        micrometres: whether to include the columns in micrometres and millimetres.
        anatomical: whether to include the anatomical names of the quadrants.
        identifiers: whether to include the identifiers of patient, study and series.
    """
    names: list[str] = []
    for column in columns():
        name = column.name
        omitted = name in _OMITTED or (_is_metric(name) and not micrometres)
        omitted |= name in IDENTIFIERS and not identifiers
        if not omitted and (anatomical or not _is_anatomical(name)):
            names.append(name)
    return names


def encode_table(
    records: Sequence[msgspec.Struct], groups: Collection[str], micrometres: bool, anatomical: bool
) -> str:
    """Return a CSV table with one row per record.

    Args:
        records: records that have some of the keys of the result record.
        groups: keys of the records.
        micrometres: whether to include the columns in micrometres and millimetres.
        anatomical: whether to include the anatomical names of the quadrants.
    """
    measures = set(FieldMeasures.__struct_fields__)
    names: list[str] = []
    for name in column_names(micrometres, anatomical):
        if name in groups or name in measures or name.startswith("quadrant_"):
            names.append(name)
    lines = [csv_line(names)]
    for record in records:
        values = flatten_record(record)
        lines.append(csv_line([table_cell(values.get(name)) for name in names]))
    return "".join(lines)


def is_foreign_table(file: Path, first_columns: str = _FIRST_COLUMNS) -> bool:
    """Return whether a path exists and is not a table of edgeseg.

    Args:
        file: path to check.
        first_columns: beginning of the first line of the table.

    Raises:
        UsageError: The file cannot be read.
    """
    try:
        if not file.exists():
            return file.is_symlink()
        if not file.is_file():
            return True
        with open_regular_file(file) as stream:
            start = stream.read(len(first_columns))
    except OSError as error:
        raise UsageError(
            f"{file}: cannot be read ({error.strerror}). Choose another folder."
        ) from error
    return bool(start) and start != first_columns.encode()


def _reject_foreign_table(file: Path) -> None:
    if is_foreign_table(file):
        raise UsageError(
            f"{file}: refusing to overwrite a file that edgeseg did not write. "
            "Move it or choose another folder with -o."
        )


def table_cell(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the text of a cell. Lists are joined with `;`, and formulas are escaped."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        value = ";".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(protect_cell(value))


def relative_path(path: str, folder: Path) -> str:
    """Return a path relative to a folder. A path outside the folder is returned unchanged."""
    try:
        return Path(path).relative_to(folder).as_posix()
    except ValueError:
        return path


def csv_line(cells: Sequence[str]) -> str:
    """Return cells as one line of CSV, with its line end."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(cells)
    return stream.getvalue()
