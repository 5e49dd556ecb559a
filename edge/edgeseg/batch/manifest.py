"""Manifest: a table of photographs with a column `path` and optional other columns.

`eye` and `um_per_px` are used for measurements. All columns are copied to the table of results.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edgeseg.batch.job_input import Cell
from edgeseg.batch.locations import check_url, is_remote, join_url, url_path
from edgeseg.batch.manifest_csv import read_csv_manifest
from edgeseg.batch.manifest_table import ManifestColumn, ManifestTable
from edgeseg.errors import UsageError, escape_text
from edgeseg.imaging.file_signatures import SIGNATURE_BYTES, recognize_file
from edgeseg.measures.eye import Eye, parse_eye
from edgeseg.system.regular_files import open_regular_file

PATH_COLUMN, EYE_COLUMN, SCALE_COLUMN = "path", "eye", "um_per_px"

_PARQUET_SIGNATURE = b"PAR1"
_UNKNOWN = ("", "nan", "na", "n/a", "null", "none")


class ManifestRow(NamedTuple):
    """Photograph of a manifest.

    Attributes:
        path: file; a relative path is relative to the manifest's folder.
        location: absolute path, or URL of a remote file.
        eye: left or right eye; None if unknown.
        um_per_px: size of a pixel in micrometres; None if unknown.
        values: values of all columns.
    """

    path: Path
    location: str
    eye: Eye | None
    um_per_px: float | None
    values: tuple[Cell, ...]


class Manifest(NamedTuple):
    """Content of a manifest.

    Attributes:
        columns: all columns.
        rows: photographs in the order of the file.
    """

    columns: tuple[ManifestColumn, ...]
    rows: list[ManifestRow]


def read_manifest(file: Path, folder_url: str | None = None) -> Manifest:
    """Read a manifest. The format, CSV or Parquet, is detected from the content.

    Args:
        file: manifest.
        folder_url: URL of the folder if `file` is a copy of a remote manifest.

    Raises:
        UsageError: The file cannot be read, has no column `path`, or has an invalid row.
        SystemSetupError: pyarrow, which reads Parquet, is not installed.
    """
    table = _read_table(file)
    names = [column.name for column in table.columns]
    _check_names(file, names)
    rows: list[ManifestRow] = []
    first_rows: dict[str, int] = {}
    for number, values in table.rows:
        row = _parse_row(file, folder_url, number, dict(zip(names, values, strict=True)))
        rows.append(row)
        first = first_rows.setdefault(row.location, number)
        if first != number:
            raise UsageError(
                f"{file}: rows {first} and {number} have the same path "
                f"({escape_text(str(row.path), 300)}). Remove one of the rows."
            )
    if not rows:
        raise UsageError(f"{file}: the manifest contains no photograph. Add rows with a path.")
    return Manifest(table.columns, rows)


def _read_table(file: Path) -> ManifestTable:
    try:
        with open_regular_file(file) as stream:
            beginning = stream.read(SIGNATURE_BYTES)
            stream.seek(0)
            if not beginning.startswith(_PARQUET_SIGNATURE):
                _reject_image(file, beginning)
                return read_csv_manifest(file, stream)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}). Check the name.") from error
    from edgeseg.batch.parquet import read_parquet_manifest  # noqa: PLC0415 - needs pyarrow

    return read_parquet_manifest(file)


def _reject_image(file: Path, beginning: bytes) -> None:
    is_image = recognize_file(beginning).kind in ("photograph", "unsupported_image")
    header = beginning.partition(b"\n")[0]  # a header may begin like an image, such as `P1 `
    if is_image and PATH_COLUMN.encode() not in header:
        raise UsageError(
            f"{file}: an image or a compressed file, not a manifest. INPUT must be a folder, a "
            "quoted pattern, or a manifest in CSV or Parquet."
        )


def _check_names(file: Path, names: Sequence[str]) -> None:
    if PATH_COLUMN not in names:
        shown = escape_text(", ".join(names) or "none", 300)
        raise UsageError(
            f"{file}: no column `{PATH_COLUMN}` (columns: {shown}). "
            "Rename the column with the photographs to `path`."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UsageError(
            f"{file}: two columns are named {repeated[0]!r}. Rename one of the columns."
        )
    if "" in names:
        number = names.index("") + 1
        raise UsageError(f"{file}: column {number} has no name. Add a name or remove the column.")


def _parse_row(
    file: Path, folder_url: str | None, number: int, values: dict[str, Cell]
) -> ManifestRow:
    place = f"{file}: row {number}"
    text = values[PATH_COLUMN]
    if not isinstance(text, str) or not text or "\0" in text:
        raise UsageError(f"{place}: no valid path. Add the path or remove the row.")
    if is_remote(text) or folder_url is not None:
        location = text if is_remote(text) else join_url(folder_url or "", text)
        path = _remote_path(place, location)
    else:
        path = _resolve(file.parent, text)
        location = os.path.abspath(path)  # noqa: PTH100 - links are not resolved
    return ManifestRow(
        path,
        location,
        _parse_eye(place, values.get(EYE_COLUMN)),
        _parse_scale(place, values.get(SCALE_COLUMN)),
        tuple(values.values()),
    )


def _remote_path(place: str, url: str) -> Path:
    try:
        check_url(url)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None
    return url_path(url)


def _resolve(folder: Path, text: str) -> Path:
    """Return the path of a photograph. If no such file exists, backslashes are read as slashes."""
    path = folder / text
    if "\\" in text and not os.path.lexists(path):
        windows = folder / text.replace("\\", "/")
        if os.path.lexists(windows):
            return windows
    return path


def _parse_eye(place: str, value: Cell) -> Eye | None:
    stated = str(value if value is not None else "")
    text = stated.strip().casefold()
    if text in _UNKNOWN:
        return None
    eye = parse_eye(text)
    if eye is None:
        raise UsageError(
            f"{place}: {EYE_COLUMN} is {escape_text(stated, 80)!r}. Use left, right, L, R, "
            "OS or OD."
        )
    return eye


def _parse_scale(place: str, value: Cell) -> float | None:
    text = str(value if value is not None else "").strip()
    if text.casefold() in _UNKNOWN:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise UsageError(
            f"{place}: {SCALE_COLUMN} is {escape_text(text, 80)!r}. Use a positive number, such "
            "as 4.96."
        )
    return number
