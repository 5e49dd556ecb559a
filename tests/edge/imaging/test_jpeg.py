"""The fast JPEG decoder returns the same pixels as OpenCV, or None."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.decoder import decode_rgb
from edgeseg.imaging.jpeg import decode_plain_jpeg


def make_photo(height: int, width: int, seed: int = 0) -> Photo:
    small = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def decode_with_opencv(data: bytes) -> Photo:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image[:, :, ::-1], np.uint8)


@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from([0x411111, 0x221111, 0x211111, 0x121111, 0x111111]),
    st.booleans(),
    st.integers(20, 100),
)
def test_decode_plain_jpeg_equals_opencv_for_any_size_and_subsampling(
    height: int, width: int, sampling: int, progressive: bool, quality: int
) -> None:
    parameters = [
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling,
        cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive),
        cv2.IMWRITE_JPEG_QUALITY, quality,
    ]  # fmt: skip
    data = cv2.imencode(".jpg", make_photo(height, width), parameters)[1].tobytes()
    photo = decode_plain_jpeg(data)
    assert photo is not None
    assert photo.flags.c_contiguous and photo.flags.writeable
    np.testing.assert_array_equal(photo, decode_with_opencv(data))


def test_decode_plain_jpeg_of_grey_file_gives_three_equal_channels() -> None:
    grey = np.ascontiguousarray(make_photo(33, 21)[:, :, :1])
    data = simplejpeg.encode_jpeg(grey, colorspace="GRAY", colorsubsampling="Gray")
    photo = decode_plain_jpeg(data)
    assert photo is not None
    np.testing.assert_array_equal(photo, decode_with_opencv(data))


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("order", ["little", "big"])
def test_decode_plain_jpeg_of_rotated_photograph_returns_none(orientation: int, order: str) -> None:
    data = with_orientation(orientation, order)
    assert decode_plain_jpeg(data) is None
    np.testing.assert_array_equal(decode_rgb(data), decode_with_opencv(data))


@pytest.mark.parametrize("order", ["little", "big"])
def test_decode_plain_jpeg_reads_upright_photographs_with_exif(order: str) -> None:
    data = with_orientation(1, order)
    photo = decode_plain_jpeg(data)
    assert photo is not None
    np.testing.assert_array_equal(photo, decode_with_opencv(data))


def with_orientation(orientation: int, order: str) -> bytes:
    """Return a JPEG with an EXIF segment."""
    byte_order = "little" if order == "little" else "big"

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, byte_order)  # type: ignore[arg-type]

    entry = number(0x0112, 2) + number(3, 2) + number(1, 4) + number(orientation, 2) + bytes(2)
    header = (b"II" if order == "little" else b"MM") + number(42, 2) + number(8, 4)
    exif = b"Exif\0\0" + header + number(1, 2) + entry + bytes(4)
    segment = b"\xff\xe1" + (2 + len(exif)).to_bytes(2, "big") + exif
    data = simplejpeg.encode_jpeg(make_photo(30, 50), 95)
    return bytes(data[:2] + segment + data[2:])


def test_decode_plain_jpeg_rejects_cmyk_and_damage() -> None:
    photo = make_photo(64, 64)
    cmyk = np.dstack([255 - photo, np.zeros((64, 64), np.uint8)])
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(cmyk), colorspace="CMYK")
    assert decode_plain_jpeg(data) is None
    data = simplejpeg.encode_jpeg(photo)
    assert decode_plain_jpeg(data[: len(data) // 2]) is None
    assert decode_plain_jpeg(b"") is None


def test_decode_plain_jpeg_in_several_threads_gives_the_same_pixels() -> None:
    files = [bytes(simplejpeg.encode_jpeg(make_photo(200, 150, seed))) for seed in range(4)]
    expected = [decode_plain_jpeg(data) for data in files]
    wrong: list[int] = []

    def decode(index: int) -> None:
        for _ in range(25):
            photo = decode_plain_jpeg(files[index])
            if not np.array_equal(np.asarray(photo), np.asarray(expected[index])):
                wrong.append(index)

    threads = [threading.Thread(target=decode, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
