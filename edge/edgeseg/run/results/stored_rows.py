"""Reading of the rows in `measures.csv`."""

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from edgeseg.errors import UsageError
from edgeseg.system.regular_files import open_regular_file

Row: TypeAlias = dict[str, str]
"""Row of a table: text of each cell by the name of its column."""

ImageKey: TypeAlias = tuple[str, str]
"""Key of an image: source and frame."""


class StoredTable(NamedTuple):
    """Columns and rows of an existing results table.

    Attributes:
        names: names of the columns; empty if the file does not exist.
        rows: complete rows in the order of the file.
    """

    names: Sequence[str]
    rows: list[Row]


def read_table(file: Path, known: Collection[str]) -> StoredTable:
    """Read the table of earlier runs. A last row without a line end is incomplete and ignored.

    Args:
        file: table of edgeseg, which may be missing.
        known: names of all columns of this version.

    Raises:
        UsageError: The file cannot be read, or it has a column that this version does not have.
    """
    try:
        with open_regular_file(file) as stream:
            text = stream.read().decode()
        text = text[: text.rfind("\n") + 1]
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
        names = reader.fieldnames or ()
        rows = list(reader)
    except FileNotFoundError:
        return StoredTable((), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{file}: cannot be read ({error}). Move it or choose another folder with -o."
        ) from error
    if not set(names) <= set(known) or any(None in row for row in rows):
        raise UsageError(
            f"{file}: contains columns of another version of edgeseg. "
            "Move it or choose another folder with -o."
        )
    return StoredTable(names, rows)


def image_key(row: Mapping[str, str]) -> ImageKey:
    """Return the source and frame of a row."""
    return row["source"], row["frame"]


class ImageIndex:
    """Lines of each image in a table, indexed by the image's key and by its mask."""

    def __init__(self) -> None:
        self._lines: dict[ImageKey, str] = {}
        self._masks: dict[str, ImageKey] = {}

    def add(self, row: Row, line: str) -> None:
        """Add a row with its line in the file."""
        key = image_key(row)
        self._lines[key] = self._lines.get(key, "") + line
        if row.get("files_mask"):
            self._masks[row["files_mask"]] = key

    def pop_image(self, rows: Sequence[Row]) -> dict[ImageKey, str]:
        """Remove and return the stored lines of an image.

        Args:
            rows: new rows of the image.
        """
        keys = [image_key(row) for row in rows]
        for row in rows:
            mask = row.get("files_mask", "")
            if mask in self._masks:
                keys.append(self._masks[mask])
        return {key: self._lines.pop(key) for key in dict.fromkeys(keys) if key in self._lines}

    def pop_source(self, source: str) -> dict[ImageKey, str]:
        """Remove and return the stored lines of all frames of a source."""
        keys = [key for key in self._lines if key[0] == source]
        return {key: self._lines.pop(key) for key in keys}
