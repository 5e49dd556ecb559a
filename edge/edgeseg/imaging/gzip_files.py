"""Files that are compressed with gzip."""

from __future__ import annotations

import zlib

from edgeseg.imaging.file_content import FileContent
from edgeseg.imaging.file_signatures import SIGNATURE_BYTES

GZIP_SIGNATURE = b"\x1f\x8b"

_WINDOW_BITS = 31  # zlib then expects a gzip header


def gzip_decompressor() -> zlib._Decompress:
    """Return a zlib decompressor for gzip data."""
    return zlib.decompressobj(_WINDOW_BITS)


def decompress_beginning(data: bytes, max_bytes: int) -> bytes:
    """Decompress the beginning of gzip data.

    Args:
        data: first bytes of the file, or all.
        max_bytes: maximum number of bytes to return.

    Raises:
        zlib.error: the data are damaged.
    """
    return gzip_decompressor().decompress(data, max_bytes)


def unpack_beginning(data: bytes) -> bytes:
    """Return the beginning of a file, decompressed if the file is valid gzip.

    Args:
        data: bytes of the file, or its first `SIGNATURE_BYTES` bytes.

    Returns:
        At most `SIGNATURE_BYTES` bytes.
    """
    beginning = data[:SIGNATURE_BYTES]
    if not beginning.startswith(GZIP_SIGNATURE):
        return beginning
    try:
        return decompress_beginning(beginning, SIGNATURE_BYTES)
    except zlib.error:
        return beginning


def decompressed_bytes(data: FileContent, size: int) -> int:
    """Return the size of the decompressed file, modulo 2^32; 0 if the file is not a gzip file.

    Args:
        data: bytes of the file.
        size: number of bytes of the file.
    """
    if data[0:2] != GZIP_SIGNATURE:
        return 0
    return int.from_bytes(data[max(0, size - 4) : size], "little")
