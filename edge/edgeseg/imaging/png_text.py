"""Text that a PNG file carries in chunks of its own (tEXt), right behind its header; `edgeseg.imaging.png` writes it."""

from __future__ import annotations

import struct
from pathlib import Path

from edgeseg.imaging.png import END, SIGNATURE, make_chunk

_HEADER_END = 33  # signature 8; IHDR: length 4, name 4, data 13, checksum 4
_BEGINNING = 4096  # bytes that hold all texts that this project writes


def read_png_text(path: Path, whole: bool = True) -> dict[str, str]:
    """The texts at the beginning of a PNG file; none where there is no such file.

    Args:
        path: the file.
        whole: none of a file that is cut off either.
    """
    cut_off = False
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
            if whole:
                file.seek(-len(END), 2)
                cut_off = file.read() != END
    except OSError:
        return {}
    return dict(_texts(beginning)) if beginning.startswith(SIGNATURE) and not cut_off else {}


def _texts(beginning: bytes) -> list[tuple[str, str]]:
    found, position = [], _HEADER_END
    while beginning[position + 4 : position + 8] == b"tEXt":
        (length,) = struct.unpack_from(">I", beginning, position)
        data = beginning[position + 8 : position + 8 + length]
        if beginning[position : position + 12 + length] != make_chunk(b"tEXt", data):
            break
        key, _, value = data.decode("latin-1").partition("\0")
        found.append((key, value))
        position += 12 + length
    return found
