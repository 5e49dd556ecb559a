"""Rows of a picture -> a PNG file, as they come: neither the picture nor a copy of it need lie in memory at once."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Rows: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(N, W, 3) RGB or (N, W) grey."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = b"\x00\x00\x00\x00IEND\xaeB`\x82"

_GREY, _RGB = 0, 2
_SUB = 1  # the filter of every row: a pixel minus the one to its left
_LEVEL, _MEMORY = 1, 9  # of zlib; with runs only, as OpenCV's own: a retina's noise repeats nothing else


def encode(size: tuple[int, int], bands: Iterable[Rows], texts: Mapping[str, str] | None = None) -> memoryview:
    """PNG file of a picture.

    Args:
        size: its height and width in pixels.
        bands: its rows, some at a time from the top, all of one kind.
        texts: one tEXt chunk for each key (1 to 79 characters), in their order, Latin-1 as the format demands. No
            time is written: equal pictures give equal bytes.
    """
    file, packer = io.BytesIO(), zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, _MEMORY, zlib.Z_RLE)
    for number, band in enumerate(bands):
        if number == 0:
            file.write(SIGNATURE + _header(size, band))
            for key, value in (texts or {}).items():
                file.write(text_chunk(key, value))
        _write(file, packer.compress(_filtered(band)))
    _write(file, packer.flush())
    file.write(END)
    return file.getbuffer()


def text_chunk(key: str, value: str) -> bytes:
    """A tEXt chunk."""
    return chunk(b"tEXt", f"{key}\0{value}".encode("latin-1"))


def chunk(name: bytes, data: bytes) -> bytes:
    """Length, name, data and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def _header(size: tuple[int, int], band: Rows) -> bytes:
    colour = _GREY if band.ndim == 2 else _RGB
    return chunk(b"IHDR", struct.pack(">IIBBBBB", size[1], size[0], 8 * band.itemsize, colour, 0, 0, 0))


def _write(file: io.BytesIO, packed: bytes) -> None:
    if packed:
        file.write(chunk(b"IDAT", packed))


def _filtered(band: Rows) -> memoryview:
    """Each row's filter, and its pixels minus those to their left, byte by byte."""
    big_endian = np.ascontiguousarray(band, band.dtype.newbyteorder(">"))
    pixels = big_endian.view(np.uint8).reshape(len(band), -1)
    step = pixels.shape[1] // band.shape[1]
    filtered = np.empty((len(pixels), 1 + pixels.shape[1]), np.uint8)
    filtered[:, 0] = _SUB
    filtered[:, 1 : 1 + step] = pixels[:, :step]
    np.subtract(pixels[:, step:], pixels[:, :-step], out=filtered[:, 1 + step :])
    return filtered.reshape(-1).data
