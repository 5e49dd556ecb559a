"""Rows of a picture -> a PNG file, as they come: neither the picture nor a copy of it need lie in memory at once."""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseg.system.background import BackgroundTask

Rows: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(N, W, 3) RGB or (N, W) grey."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = b"\x00\x00\x00\x00IEND\xaeB`\x82"

_GREY, _RGB = 0, 2
_SUB = 1  # the filter of every row: a pixel minus the one to its left
_ZLIB, _LAST = (
    b"\x78\x01",
    b"\x03\x00",
)  # what a zlib stream begins with, and an empty last block of deflate
_AT_ONCE = range(
    100_000, 1 << 20
)  # bytes of bands that are packed side by side: less is packed before a thread has
# begun, and of large pictures they took 8 MB more
_LEVEL, _MEMORY = (
    1,
    9,
)  # of zlib; with runs only, as OpenCV's own: a retina's noise repeats nothing else


def write_png(
    file: BinaryIO,
    size: tuple[int, int],
    bands: Iterable[Rows],
    texts: Mapping[str, str] | None = None,
    threads: int = 1,
) -> None:
    """Write a picture as a PNG file.

    Args:
        file: where to.
        size: its height and width in pixels.
        bands: its rows, some at a time from the top, all of one kind.
        texts: one tEXt chunk for each key (1 to 79 characters), in their order, Latin-1 as the format demands. No
            time is written: equal pictures in equal bands give equal bytes, whatever the threads.
        threads: that pack; the bands know nothing of each other.
    """
    checksum = 1
    for number, (raw, packed) in enumerate(_packed(bands, size, texts or {}, file, threads)):
        checksum = zlib.adler32(raw, checksum)
        _write(file, packed if number else _ZLIB + packed)
    _write(file, _LAST + struct.pack(">I", checksum))
    file.write(END)


def _packed(
    bands: Iterable[Rows],
    size: tuple[int, int],
    texts: Mapping[str, str],
    file: BinaryIO,
    threads: int,
) -> Iterator[tuple[memoryview, bytes]]:
    """Each band, filtered, and what it becomes; the file's beginning is written when the first one has come."""
    waiting: deque[tuple[memoryview, BackgroundTask[bytes]]] = deque()
    for number, band in enumerate(bands):
        if number == 0:
            file.write(SIGNATURE + _header(size, band))
            for key, value in texts.items():
                file.write(text_chunk(key, value))
        raw = _filtered(band)
        beside = threads > 1 and len(raw) in _AT_ONCE
        while waiting and (
            len(waiting) == threads or not beside
        ):  # none may overtake those before it
            first, packing = waiting.popleft()
            yield first, packing.result()
        if beside:
            waiting.append((raw, BackgroundTask(partial(_deflated, raw))))
        else:
            yield raw, _deflated(raw)
    for first, packing in waiting:
        yield first, packing.result()


def _deflated(raw: memoryview) -> bytes:
    """A part of a deflate stream, up to a whole byte, that refers to nothing before it."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, _MEMORY, zlib.Z_RLE)
    return packer.compress(raw) + packer.flush(zlib.Z_FULL_FLUSH)


def text_chunk(key: str, value: str) -> bytes:
    """A tEXt chunk."""
    return make_chunk(b"tEXt", f"{key}\0{value}".encode("latin-1"))


def make_chunk(name: bytes, data: bytes) -> bytes:
    """Length, name, data and checksum."""
    return (
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
    )


def _header(size: tuple[int, int], band: Rows) -> bytes:
    colour = _GREY if band.ndim == 2 else _RGB
    return make_chunk(
        b"IHDR", struct.pack(">IIBBBBB", size[1], size[0], 8 * band.itemsize, colour, 0, 0, 0)
    )


def _write(file: BinaryIO, packed: bytes) -> None:
    if packed:
        file.write(make_chunk(b"IDAT", packed))


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
