"""Verification of PNG files with the checksums of the chunks and of the pixel data."""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from edgeseg.imaging.file_text import PNG_SIGNATURE
from edgeseg.system.regular_files import read_regular_file

_CHANNELS = {0: 1, 2: 3}  # colour types of results: grey and RGB
_MAX_BYTES = 1 << 30


def is_intact_png(path: Path) -> bool:
    """Return whether a PNG file written by edgeseg is undamaged, including its pixels."""
    try:
        data = read_regular_file(path, _MAX_BYTES)
        return data.startswith(PNG_SIGNATURE) and _pixels_are_intact(memoryview(data))
    except (OSError, ValueError, struct.error, zlib.error):
        return False


def _pixels_are_intact(data: memoryview) -> bool:
    """Decompress all pixels and count their bytes. zlib checks the Adler-32 checksum."""
    inflater = zlib.decompressobj()
    expected = 0
    count = 0
    for name, content in _iterate_chunks(data):
        if name == b"IHDR":
            width, height, bits, colour = struct.unpack(">IIBB", content[:10])
            row_bytes = math.ceil(width * _CHANNELS.get(colour, 0) * bits / 8)
            expected = height * (1 + row_bytes)
        elif name == b"IDAT":
            rest: bytes | memoryview = content
            while rest and not inflater.eof:
                count += len(inflater.decompress(rest, 1 << 20))
                rest = inflater.unconsumed_tail
    return inflater.eof and count == expected


def _iterate_chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the name and content of each chunk.

    Raises:
        ValueError: A checksum does not match, or there are too few or too many bytes.
    """
    position = len(PNG_SIGNATURE)
    while True:
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(data[position + 4 : end]) != checksum:
            raise ValueError("wrong checksum")
        name = bytes(data[position + 4 : position + 8])
        yield name, data[position + 8 : end]
        position = end + 4
        if name == b"IEND":
            break
    if position != len(data):
        raise ValueError("bytes after the last chunk")
