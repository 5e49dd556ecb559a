"""Access to parts of a file that is in memory or open."""

import os
import struct
from typing import BinaryIO, Protocol


class FileContent(Protocol):
    """Bytes of a file, either in memory or read in slices."""

    def __getitem__(self, position: slice, /) -> bytes:
        """Return some bytes. Bytes after the end of the file are omitted."""


class OpenFile:
    """Bytes of an open file, read in slices.

    Args:
        file: file, opened for reading.

    Attributes:
        size: number of bytes of the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size

    def __getitem__(self, position: slice, /) -> bytes:
        """Return some bytes. Bytes after the end of the file are omitted."""
        if position.start >= self.size:  # `seek` rejects offsets of damaged files
            return b""
        self._file.seek(position.start)
        return self._file.read(position.stop - position.start)


def unpack_at(values_format: str, data: FileContent, start: int) -> tuple[int, ...]:
    """Unpack integers at an offset.

    Raises:
        struct.error: the integers are outside of the file.
    """
    return struct.unpack(values_format, data[start : start + struct.calcsize(values_format)])
