"""Text that a PNG file carries in chunks of its own (tEXt), right behind its header. OpenCV writes none."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = 33  # signature 8; IHDR: length 4, name 4, data 13, checksum 4
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_BEGINNING = 4096  # bytes that hold all texts that this project writes


def with_text(png: bytes, texts: Mapping[str, str]) -> bytes:
    """PNG file -> the same with one tEXt chunk for each key (1 to 79 characters), in the mapping's order.

    Keys and values are Latin-1, as the format demands. No time is written: equal pictures give equal bytes.
    """
    chunks = [_chunk(f"{key}\0{value}".encode("latin-1")) for key, value in texts.items()]
    return b"".join([png[:_HEADER_END], *chunks, memoryview(png)[_HEADER_END:]])


def read_text(path: Path) -> dict[str, str]:
    """The texts at the beginning of a PNG file; none where there is no such file, or it is cut off."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
            file.seek(-len(_END), 2)
            whole = file.read() == _END
    except OSError:
        return {}
    return dict(_texts(beginning)) if whole and beginning.startswith(_SIGNATURE) else {}


def _chunk(data: bytes) -> bytes:
    body = b"tEXt" + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def _texts(beginning: bytes) -> list[tuple[str, str]]:
    found, position = [], _HEADER_END
    while beginning[position + 4 : position + 8] == b"tEXt":
        (length,) = struct.unpack_from(">I", beginning, position)
        data = beginning[position + 8 : position + 8 + length]
        if beginning[position : position + 12 + length] != _chunk(data):
            break
        key, _, value = data.decode("latin-1").partition("\0")
        found.append((key, value))
        position += 12 + length
    return found
