"""WebP, AVIF and JPEG 2000, and formats that are recognized but not supported."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.errors import PhotoError
from edgeseg.imaging.file_signatures import recognize_file
from edgeseg.imaging.photo import decode_photo

SETTINGS = {
    ".webp": (cv2.IMWRITE_WEBP_QUALITY, 101),
    ".avif": (cv2.IMWRITE_AVIF_QUALITY, 100),
    ".jp2": (cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000),
}


def make_image() -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[0:40, 0:64]
    return np.stack([200 - y * 4, 30 + x * 3, 20 + x + y], axis=-1).astype(np.uint8)


def encode(suffix: str, rgb: npt.NDArray[Any]) -> bytes:
    order = rgb if rgb.ndim == 2 else np.ascontiguousarray(rgb[:, :, [2, 1, 0, 3][: rgb.shape[2]]])
    success, data = cv2.imencode(suffix, order, SETTINGS[suffix])
    assert success
    return data.tobytes()


@pytest.mark.parametrize("suffix", SETTINGS)
def test_decode_photo_recent_format_returns_written_pixels(suffix: str) -> None:
    decoded = decode_photo(encode(suffix, make_image()))
    assert np.abs(decoded.astype(int) - make_image()).max() <= 3


def test_decode_photo_webp_transparent_pixels_are_black() -> None:
    alpha = np.full((40, 64, 1), 255, np.uint8)
    alpha[:10] = 0
    decoded = decode_photo(encode(".webp", np.concatenate([make_image(), alpha], axis=2)))
    assert not decoded[:10].any()
    np.testing.assert_array_equal(decoded[10:], make_image()[10:])


@pytest.mark.parametrize("bits", [10, 12])
def test_decode_photo_jpeg2000_with_more_bits_uses_the_stated_range(bits: int) -> None:
    data = bytearray(encode(".jp2", make_image().astype(np.uint16) // 8 << (bits - 8)))
    # OpenCV writes 16 bits. The test changes this number in the container and in the codestream.
    size = data.index(b"\xffO\xffQ")
    for component in range(3):
        data[size + 42 + 3 * component] = bits - 1
    try:
        decoded = decode_photo(bytes(data))
    except PhotoError as error:
        pytest.skip(f"this build of OpenCV rejects it: {error}")
    assert decoded.max() < 40


def test_decode_photo_jpeg2000_in_ycc_colours_is_unsupported() -> None:
    data = bytearray(encode(".jp2", make_image()))
    colours = data.index(b"colr") + 4
    assert struct.unpack_from(">BxxI", data, colours) == (1, 16)
    struct.pack_into(">I", data, colours + 3, 18)
    with pytest.raises(PhotoError) as caught:
        decode_photo(bytes(data))
    assert caught.value.code == "unsupported_format"


@pytest.mark.parametrize("suffix", SETTINGS)
@settings(deadline=None, max_examples=30)
@given(share=st.floats(0, 1, exclude_max=True))
def test_decode_photo_truncated_recent_format_raises(suffix: str, share: float) -> None:
    data = encode(suffix, make_image())
    with pytest.raises(PhotoError):
        decode_photo(data[: int(len(data) * share)])


@pytest.mark.parametrize("suffix", SETTINGS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_decode_photo_damaged_recent_format_returns_image_or_raises(
    suffix: str, data: st.DataObject
) -> None:
    damaged = bytearray(encode(suffix, make_image()))
    offsets = st.integers(0, len(damaged) - 1)
    changes = st.lists(st.tuples(offsets, st.integers(0, 255)), min_size=1, max_size=6)
    for offset, value in data.draw(changes):
        damaged[offset] = value
    try:
        assert decode_photo(bytes(damaged)).dtype == np.uint8
    except PhotoError as error:
        assert "\n" not in str(error)


def make_isobmff(major: bytes, *compatible: bytes) -> bytes:
    brands = major + bytes(4) + b"".join(compatible)
    return struct.pack(">I4s", 8 + len(brands), b"ftyp") + brands + bytes(64)


def make_tiff(compression: int) -> bytes:
    tags = {256: 8, 257: 8, 258: 8, 259: compression, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    entries = b"".join(struct.pack("<HHII", number, 4, 1, value) for number, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + 64) + bytes(64) + directory


UNSUPPORTED = {
    "HEIC": make_isobmff(b"heic", b"mif1"),
    "HEIC of a phone": make_isobmff(b"mif1", b"heic", b"miaf"),
    "JPEG-LS": b"\xff\xd8\xff\xf7\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0" + bytes(40),
    "lossless JPEG": b"\xff\xd8\xff\xc3\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0" + bytes(40),
    "JPEG XL": b"\xff\x0a" + bytes(40),
    "JPEG XL in a container": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40),
    "PSD": b"8BPS\0\x01" + bytes(40),
    "PDF": b"%PDF-1.7\n",
    "SVG": b"<?xml version='1.0'?>\n<svg/>",
    **{f"TIFF {number}": make_tiff(number) for number in (34712, 34887, 50000, 50001, 50002, 9)},
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_decode_photo_unsupported_format_raises_with_its_code(kind: str) -> None:
    with pytest.raises(PhotoError) as caught:
        decode_photo(UNSUPPORTED[kind])
    assert caught.value.code == "unsupported_format"
    assert "PNG" in str(caught.value)
    assert "again" not in str(caught.value)


def test_decode_photo_heic_message_names_the_format() -> None:
    with pytest.raises(PhotoError, match=r"^eye\.jpg: HEIC is not supported; convert"):
        decode_photo(UNSUPPORTED["HEIC"], "eye.jpg")


VIDEOS = {
    "mp4": make_isobmff(b"isom", b"avc1"),
    "3gp": make_isobmff(b"3gp4", b"isom"),
    "mov": make_isobmff(b"qt  "),
    "avi": b"RIFF\0\0\0\0AVI LIST",
    "mkv": b"\x1a\x45\xdf\xa3" + bytes(40),
    "h264": b"\0\0\0\1\x67\x64\0\x1f" + bytes(40),
    "h264 with a delimiter": b"\0\0\0\1\x09\xf0\0\0\0\1\x67" + bytes(40),
    "h265": b"\0\0\0\1\x40\x01\x0c" + bytes(40),
    "ts": (b"G" + bytes(187)) * 4,
    "mts": (bytes(4) + b"G" + bytes(187)) * 4,
    "mpg": b"\0\0\1\xba" + bytes(40),
    "wmv": b"0&\xb2u\x8ef\xcf\x11" + bytes(40),
}


@pytest.mark.parametrize("kind", VIDEOS)
def test_recognize_file_video_is_recognized_by_content(kind: str) -> None:
    assert recognize_file(VIDEOS[kind]).kind == "video"


@pytest.mark.parametrize(
    "suffix", [".png", ".jpg", ".tif", ".bmp", ".ppm", ".webp", ".avif", ".jp2"]
)
def test_recognize_file_photograph_is_recognized_by_content(suffix: str) -> None:
    data = cv2.imencode(suffix, make_image())[1].tobytes()
    assert recognize_file(data[:4096]).kind == "photograph"


@given(st.binary(max_size=600))
def test_recognize_file_other_bytes_do_not_fail(data: bytes) -> None:
    assert recognize_file(b"text " + data).kind == "unknown"
    assert recognize_file(data).kind in {"photograph", "video", "unsupported_image", "unknown"}
