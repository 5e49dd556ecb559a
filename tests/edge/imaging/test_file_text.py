"""Text in image files, and the checksum of a JPEG file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.imaging.file_text import is_intact_jpeg, read_file_text

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


def test_is_intact_jpeg_detects_flipped_bits_and_missing_bytes(
    damage: Callable[[bytes, int], Iterator[bytes]], tmp_path: Path
) -> None:
    file = tmp_path / "a.jpg"
    data = encode_jpeg(IMAGE, {"key": "value"})
    file.write_bytes(data)
    assert is_intact_jpeg(file)
    # Bytes before the checksum do not affect the pixels and are not checked.
    for damaged in damage(data, data.find(b"value")):
        file.write_bytes(damaged)
        assert not is_intact_jpeg(file)
    assert not is_intact_jpeg(tmp_path / "missing.jpg")
