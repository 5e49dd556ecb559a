"""Text in image files, and the checksum of a JPEG file."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.imaging.file_text import is_intact_jpeg, read_file_text
from edgeseg.imaging.png_check import is_intact_png

TEXTS = {"edgeseg:photograph": "ab" * 32, "Comment": "größe", "long": "x" * 60_000}
IMAGE = np.random.default_rng(3).integers(0, 255, (20, 30, 3), np.uint8)
Encoder = Callable[[npt.NDArray[np.uint8], Mapping[str, str] | None], bytes]


@pytest.mark.parametrize("encode", [encode_png, encode_jpeg])
def test_read_file_text_returns_texts_in_order(encode: Encoder, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(encode(IMAGE, TEXTS))
    texts = read_file_text(file)
    texts.pop("crc32", None)
    assert list(texts.items()) == list(TEXTS.items())


@pytest.mark.parametrize("encode", [encode_png, encode_jpeg])
def test_inserted_text_does_not_change_pixels(encode: Encoder) -> None:
    plain, with_text = encode(IMAGE, None), encode(IMAGE, TEXTS)
    decoded = [cv2.imdecode(np.frombuffer(data, np.uint8), 1) for data in (plain, with_text)]
    assert decoded[0] is not None and decoded[1] is not None
    np.testing.assert_array_equal(decoded[0], decoded[1])


@pytest.mark.parametrize("encode", [encode_png, encode_jpeg])
def test_read_file_text_of_truncated_file_is_empty_unless_allowed(
    encode: Encoder, tmp_path: Path
) -> None:
    file = tmp_path / "a"
    data = encode(IMAGE, TEXTS)
    file.write_bytes(data[:-5])
    assert read_file_text(file) == {}
    assert TEXTS.items() <= read_file_text(file, require_complete=False).items()
    file.write_bytes(data[:100])
    assert "long" not in read_file_text(file, require_complete=False)


def test_read_file_text_of_missing_or_other_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bytes(40))
    (tmp_path / "b.png").write_bytes(b"")
    for name in ("a.png", "b.png", "missing.png"):
        assert read_file_text(tmp_path / name) == {}
        assert read_file_text(tmp_path / name, require_complete=False) == {}


@pytest.mark.parametrize(
    ("encode", "is_intact"), [(encode_png, is_intact_png), (encode_jpeg, is_intact_jpeg)]
)
def test_is_intact_detects_flipped_bits_and_missing_bytes(
    encode: Encoder, is_intact: Callable[[Path], bool], tmp_path: Path
) -> None:
    file = tmp_path / "a"
    data = encode(IMAGE, {"key": "value"})
    file.write_bytes(data)
    assert is_intact(file)
    # Bytes before a JPEG's checksum do not affect its pixels and are not checked.
    start = data.find(b"value")
    source = random.Random(1)
    for _ in range(200):
        damaged = bytearray(data)
        damaged[source.randrange(start, len(data))] ^= 1 << source.randrange(8)
        file.write_bytes(damaged)
        assert not is_intact(file)
    for length in range(0, len(data), 7):
        file.write_bytes(data[:length])
        assert not is_intact(file)
    file.write_bytes(data + b"x")
    assert not is_intact(file)
    assert not is_intact(tmp_path / "missing")
