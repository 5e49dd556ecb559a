"""Splitting of a byte stream into JPEG files."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.imaging.jpeg_markers import MAX_FRAME_BYTES, JpegSplitter


def encode_jpeg(value: int, size: int = 32) -> bytes:
    image = np.full((size, size, 3), value, np.uint8)
    image[::3] = 255 - value
    return bytes(cv2.imencode(".jpg", image)[1])


@given(
    st.integers(1, 400),
    st.lists(st.integers(0, 255), min_size=1, max_size=4),
    st.binary(max_size=5),
)
def test_jpeg_splitter_returns_files_for_any_block_size(
    block_bytes: int, values: list[int], between: bytes
) -> None:
    between = between.replace(b"\xff", b"\xfe")
    jpegs = [encode_jpeg(value) for value in values]
    stream = between.join(jpegs) + between
    splitter = JpegSplitter()
    result: list[bytes] = []
    for start in range(0, len(stream), block_bytes):
        result += splitter.feed(stream[start : start + block_bytes])
    assert result == jpegs


def test_jpeg_splitter_keeps_thumbnail_inside_its_file() -> None:
    jpeg = encode_jpeg(50)
    thumbnail = encode_jpeg(200, 8)
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = jpeg[:2] + segment + jpeg[2:]
    assert JpegSplitter().feed(with_thumbnail + jpeg) == [with_thumbnail, jpeg]


@pytest.mark.slow
def test_jpeg_splitter_drops_file_without_end() -> None:
    splitter = JpegSplitter()
    splitter.feed(encode_jpeg(1)[:-2])
    for _ in range((MAX_FRAME_BYTES >> 20) + 3):
        assert splitter.feed(bytes(1 << 20)) == []
        assert len(splitter.rest) <= MAX_FRAME_BYTES
    assert splitter.feed(encode_jpeg(2)) == [encode_jpeg(2)]
