"""The cells of a manifest, before they are checked."""

from typing import NamedTuple

import msgspec

from edgeseg.batch.job_input import Cell


class ManifestColumn(msgspec.Struct, frozen=True):
    """A column of a manifest.

    Attributes:
        name: name in the manifest.
        type: type in Parquet, as pyarrow names it.
    """

    name: str
    type: str = "string"


class ManifestTable(NamedTuple):
    """Columns and rows of a manifest.

    Attributes:
        columns: columns in the order of the file.
        rows: number of each row in messages, and its values, one for every column.
    """

    columns: tuple[ManifestColumn, ...]
    rows: list[tuple[int, tuple[Cell, ...]]]
