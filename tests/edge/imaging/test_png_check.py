"""Check of complete PNG files, which must detect any damage."""

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.png_check import is_intact_png


def _encode(dtype: str, channels: int) -> bytes:
    shape = (20, 30) if channels == 1 else (20, 30, 3)
    pixels = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    return encode_png(pixels, {"key": "value"})


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint8", 3), ("uint16", 1)])
def test_is_intact_png_accepts_written_files_and_detects_damage(
    dtype: str,
    channels: int,
    damage: Callable[[bytes, int], Iterator[bytes]],
    tmp_path: Path,
) -> None:
    data = _encode(dtype, channels)
    file = tmp_path / "a.png"
    file.write_bytes(data)
    assert is_intact_png(file)
    for damaged in damage(data, 0):
        file.write_bytes(damaged)
        assert not is_intact_png(file)


def test_is_intact_png_with_missing_chunk_is_false(tmp_path: Path) -> None:
    data = _encode("uint8", 3)
    start = data.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", data, start)
    file = tmp_path / "a.png"
    file.write_bytes(data[:start] + data[start + 12 + length :])
    assert not is_intact_png(file)
    body = b"IDAT" + zlib.compress(b"other pixels")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    file.write_bytes(data[:start] + chunk + data[-12:])
    assert not is_intact_png(file)


def test_is_intact_png_of_missing_file_is_false(tmp_path: Path) -> None:
    assert not is_intact_png(tmp_path / "none.png")
