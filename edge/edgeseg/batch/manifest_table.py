"""Unchecked cells of a manifest."""

from typing import NamedTuple

import msgspec

from edgeseg.batch.job_input import Cell


class ManifestColumn(msgspec.Struct, frozen=True):
    """Column of a manifest.

    Attributes:
        name: name in the manifest.
        type: pyarrow's name of the type in Parquet.
    """

    name: str
    type: str = "string"


class ManifestTable(NamedTuple):
    """Columns and rows of a manifest.

    Attributes:
        columns: columns in the order of the file.
        rows: number of each row for error messages, and one value per column.
    """

    columns: tuple[ManifestColumn, ...]
    rows: list[tuple[int, tuple[Cell, ...]]]
