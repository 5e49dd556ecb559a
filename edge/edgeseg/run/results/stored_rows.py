"""Reading of the rows in `measures.csv`."""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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


def parse_rows(text: str, names: Sequence[str]) -> list[Row]:
    """Return the rows of a part of a table, without its header.

    Args:
        text: complete lines.
        names: names of the columns.
    """
    return list(csv.DictReader(io.StringIO(text, newline=""), names))


class Replacements:
    """New rows of images, which replace the earlier rows in a table.

    New rows may have other keys than the earlier rows, and may be replaced themselves.
    """

    def __init__(self) -> None:
        self._rows: dict[ImageKey, list[Row]] = {}  # the key is the one in the table
        self._keys_in_table: dict[ImageKey, list[ImageKey]] = {}

    def __len__(self) -> int:
        """Return the number of images in the table that are replaced."""
        return len(self._rows)

    def __contains__(self, key: ImageKey) -> bool:
        """Return whether the rows with a key in the table are replaced."""
        return key in self._rows

    def add(self, keys: Iterable[ImageKey], rows: Sequence[Row]) -> None:
        """Replace images.

        Args:
            keys: keys of the earlier rows.
            rows: new rows, which are placed where the first of the earlier rows is.
        """
        new = list(rows)
        replaced: list[ImageKey] = []
        for key in keys:
            replaced += self._keys_in_table.pop(key, [key])
        for key in replaced:
            self._rows[key] = new
        for row in rows:
            self._keys_in_table[image_key(row)] = replaced

    def apply(self, stored: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows of the table with the replacements."""
        remaining = {id(rows): rows for rows in self._rows.values()}
        for row in stored:
            rows = self._rows.get(image_key(row))
            if rows is None:
                yield row
            else:
                yield from remaining.pop(id(rows), ())
        for rows in remaining.values():  # another process has removed the earlier rows
            yield from rows


class ImageIndex:
    """Lines of each image in a table, indexed by the image's key and by its mask."""

    def __init__(self) -> None:
        self._lines: dict[ImageKey, str] = {}
        self._masks: dict[ImageKey, str] = {}
        self._keys: dict[str, ImageKey] = {}  # by mask

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._lines)

    def add(self, row: Row, line: str) -> None:
        """Add a row with its line in the file."""
        key = image_key(row)
        self._lines[key] = self._lines.get(key, "") + line
        if row.get("files_mask"):
            self._masks[key] = row["files_mask"]
            self._keys[row["files_mask"]] = key

    def pop_image(self, rows: Sequence[Row]) -> dict[ImageKey, str]:
        """Remove and return the stored lines of an image.

        Args:
            rows: new rows of the image.
        """
        keys = [image_key(row) for row in rows]
        for row in rows:
            mask = row.get("files_mask", "")
            if mask in self._keys:
                keys.append(self._keys[mask])
        return self._pop(keys)

    def pop_source(self, source: str) -> dict[ImageKey, str]:
        """Remove and return the stored lines of all frames of a source."""
        return self._pop([key for key in self._lines if key[0] == source])

    def _pop(self, keys: Sequence[ImageKey]) -> dict[ImageKey, str]:
        popped = {key: self._lines.pop(key) for key in dict.fromkeys(keys) if key in self._lines}
        for key in popped:
            mask = self._masks.pop(key, "")
            if self._keys.get(mask) == key:
                del self._keys[mask]
        return popped
