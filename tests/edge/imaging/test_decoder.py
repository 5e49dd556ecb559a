"""Decoding of damaged, truncated, unusual and malicious files, with one-line errors."""

from __future__ import annotations

import functools
import gzip
import os
import struct
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.errors import PhotoError
from edgeseg.imaging.photo import decode_photo

DecodingError: TypeAlias = Callable[[bytes], str]

WIDTH, HEIGHT = 64, 40
FORMATS = ("png", "jpg", "tif", "bmp", "ppm", "gif", "16.png", "16.tif", "rgba.png", "ppm.gz")


def make_image() -> npt.NDArray[np.uint8]:
    """Smooth gradient with slight noise, (HEIGHT, WIDTH, 3), in which damage is visible."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(0).integers(0, 20, (HEIGHT, WIDTH, 3))
    gradient = np.stack([200 - y * 4, 30 + x * 3, 20 + x + y], axis=-1)
    return (gradient + noise).clip(0, 255).astype(np.uint8)


def encode(suffix: str, pixels: npt.NDArray[Any]) -> bytes:
    success, data = cv2.imencode(suffix, pixels)
    assert success
    return data.tobytes()


@functools.cache
def valid_file(kind: str) -> bytes:
    """Valid file of each format."""
    if kind == "gif":
        return make_gif()
    if kind == "ppm.gz":
        return gzip.compress(valid_file("ppm"))
    if kind.startswith("16."):
        return encode(kind[2:], make_image().astype(np.uint16) * 257)
    if kind == "rgba.png":
        return encode(".png", np.dstack([make_image(), make_image()[:, :, :1]]))
    return encode(f".{kind}", make_image())


def make_gif() -> bytes:
    """GIF in black and white. A clear code before every two pixels limits codes to 3 bits."""
    pixels = (make_image()[:, :, 1] > 100).astype(int).reshape(-1, 2).tolist()
    codes = [code for pair in pixels for code in (4, *pair)] + [5]
    number = sum(code << 3 * index for index, code in enumerate(codes))
    packed = number.to_bytes(3 * len(codes) // 8 + 1, "little")
    blocks = b""
    for start in range(0, len(packed), 255):
        block = packed[start : start + 255]
        blocks += bytes([len(block)]) + block
    screen = struct.pack("<HHBBB", WIDTH, HEIGHT, 0x81, 0, 0) + bytes(3) + b"\xff" * 9
    frame = b"," + struct.pack("<HHHHB", 0, 0, WIDTH, HEIGHT, 0)
    return b"GIF89a" + screen + frame + b"\x02" + blocks + b"\0;"


@pytest.mark.parametrize("kind", FORMATS)
def test_decode_photo_undamaged_test_file_returns_image(kind: str) -> None:
    assert decode_photo(valid_file(kind)).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("kind", FORMATS)
@settings(deadline=None, max_examples=40)
@given(share=st.floats(0, 1, exclude_max=True))
def test_decode_photo_cut_off_file_raises(
    kind: str, share: float, decoding_error: DecodingError
) -> None:
    # The last byte of a GIF is only a trailer. A file without this byte is complete.
    needed = len(valid_file(kind)) - (kind == "gif")
    decoding_error(valid_file(kind)[: int(needed * share)])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_decode_photo_truncated_gzip_file_is_undecodable(share: float) -> None:
    data = valid_file("ppm.gz")
    with pytest.raises(PhotoError) as caught:
        decode_photo(data[: int(len(data) * share)])
    assert caught.value.code == "undecodable"


@pytest.mark.parametrize("kind", FORMATS)
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_decode_photo_random_damage_returns_image_or_raises(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(valid_file(kind))
    offsets = st.integers(0, len(damaged) - 1) | st.integers(0, min(200, len(damaged) - 1))
    changes = st.lists(st.tuples(offsets, st.integers(0, 255)), min_size=1, max_size=8)
    for offset, value in data.draw(changes):
        damaged[offset] = value
    try:
        photo = decode_photo(bytes(damaged))
    except PhotoError as error:
        assert "\n" not in str(error)
    else:
        assert (photo.dtype.name, *photo.shape[2:]) == ("uint8", 3)


@settings(deadline=None, max_examples=100)
@given(
    garbage=st.binary(max_size=300),
    signature=st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"GIF89a", b"BM", b"P6"]
    ),
)
def test_decode_photo_random_bytes_raises(
    garbage: bytes, signature: bytes, decoding_error: DecodingError
) -> None:
    decoding_error(signature + garbage)


@pytest.mark.parametrize("kind", ["png", "16.png"])
def test_decode_photo_png_with_changed_pixel_byte_raises(
    kind: str, decoding_error: DecodingError
) -> None:
    data = bytearray(valid_file(kind))
    data[len(data) // 2] ^= 1
    assert "checksum" in decoding_error(bytes(data))


def test_decode_photo_jpeg_with_missing_or_blank_bytes_raises(
    decoding_error: DecodingError,
) -> None:
    """Without the check, OpenCV returns an image that is wrong after the damaged byte."""
    data = encode(".jpg", np.tile(make_image(), (8, 8, 1)))
    start, middle = data.rfind(b"\xff\xda"), len(data) // 2
    assert middle > start + 600
    assert "damaged" in decoding_error(data[:middle] + bytes(512) + data[middle + 512 :])
    assert "damaged" in decoding_error(data[:middle] + data[middle + 700 :])


def test_decode_photo_jpeg_with_padding_or_trailing_bytes_returns_image() -> None:
    data = valid_file("jpg")
    expected = decode_photo(data)
    for harmless in (data[:-2] + bytes(7) + data[-2:], data + b"some more", data + data):
        np.testing.assert_array_equal(decode_photo(harmless), expected)


def test_decode_photo_jpeg_with_thumbnail_reads_up_to_its_own_end(
    decoding_error: DecodingError,
) -> None:
    data = valid_file("jpg")
    segment = b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data
    with_thumbnail = data[:2] + segment + data[2:]
    np.testing.assert_array_equal(decode_photo(with_thumbnail), decode_photo(data))
    decoding_error(with_thumbnail[:-40])


def test_decode_photo_jpeg_with_thousands_of_scans_raises(decoding_error: DecodingError) -> None:
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    assert "scans" in decoding_error(valid_file("jpg")[:-2] + scan * 5000 + b"\xff\xd9")


@pytest.mark.parametrize("kind", FORMATS)
def test_decode_photo_damaged_file_prints_nothing(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data = valid_file(kind)
    for end in range(0, len(data), max(1, len(data) // 20)):
        for damaged in (data[:end], data[:end] + b"\xff" * 16 + data[end + 16 :]):
            try:
                decode_photo(damaged)
            except PhotoError:
                continue
    assert capfd.readouterr() == ("", "")


def test_decode_photo_without_stderr_returns_image() -> None:
    saved = os.dup(2)
    os.close(2)
    try:
        assert decode_photo(valid_file("jpg")).shape == (HEIGHT, WIDTH, 3)
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def test_decode_photo_from_several_threads_detects_damage() -> None:
    damaged = encode(".jpg", np.tile(make_image(), (8, 8, 1)))
    damaged = damaged[: len(damaged) // 2] + damaged[len(damaged) // 2 + 700 :]
    errors: list[str] = []

    def decode_repeatedly(data: bytes, good: bool) -> None:
        for _ in range(20):
            try:
                decode_photo(data)
            except PhotoError:
                errors.extend(["rejected"] * good)
            else:
                errors.extend(["accepted"] * (not good))

    cases = [
        (valid_file("jpg"), True),
        (damaged, False),
        (valid_file("png"), True),
        (damaged, False),
    ]
    threads = [threading.Thread(target=decode_repeatedly, args=case) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_decode_photo_jpeg_with_blank_bytes_that_decode_raises(
    decoding_error: DecodingError,
) -> None:
    """In a uniform region, zeros are valid codes, so that libjpeg reports no damage."""
    data = encode(".jpg", np.tile(make_image(), (8, 8, 1)))
    for start in range(data.rfind(b"\xff\xda") + 200, len(data) - 400, len(data) // 20):
        decoding_error(data[:start] + bytes(128) + data[start + 128 :])
