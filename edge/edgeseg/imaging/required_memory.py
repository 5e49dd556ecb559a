"""Memory that is required to process a photograph, estimated from the header of its file."""

import os
import zlib
from pathlib import Path

from edgeseg.errors import InvalidImageError
from edgeseg.imaging.file_headers import peek_header
from edgeseg.imaging.size_limits import MAX_REQUIRED_BYTES, required_bytes
from edgeseg.system.regular_files import open_regular_file

_BEGINNINGS = (1 << 12, 1 << 17, 1 << 22)  # in a JPEG, metadata precede the size of the image
_GZIP, _GZIP_WINDOW = b"\x1f\x8b", 31


def estimate_file(path: Path) -> int:
    """Estimate the bytes that are required to process a photograph file.

    Returns: Number of bytes; 0 if the file cannot be read or is not a photograph.
    """
    try:
        with open_regular_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            beginning = b""
            for count in _BEGINNINGS:
                beginning += file.read(count - len(beginning))
                estimate = estimate_bytes(beginning, size)
                if estimate < MAX_REQUIRED_BYTES or len(beginning) == size:
                    break
    except OSError:
        return 0
    return estimate


def estimate_bytes(beginning: bytes, file_bytes: int) -> int:
    """Estimate the bytes that are required to process a photograph.

    Args:
        beginning: first bytes of the file, or all.
        file_bytes: size of the file.

    Returns: Number of bytes; 0 if the file is not a photograph, and the maximum if the size of the
        image is unknown.
    """
    try:
        if beginning.startswith(_GZIP):
            unpacker = zlib.decompressobj(_GZIP_WINDOW)
            beginning = unpacker.decompress(beginning, _BEGINNINGS[-1])
        header = peek_header(beginning)
    except (InvalidImageError, zlib.error):
        return 0
    if header is None:
        return MAX_REQUIRED_BYTES
    return min(required_bytes(header, file_bytes), MAX_REQUIRED_BYTES)
