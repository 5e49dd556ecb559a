"""EXIF orientation of JPEG, PNG and TIFF files."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.imaging.orientation import UPRIGHT, read_orientation
from edgeseg.imaging.photo import decode_photo

IMAGE = np.zeros((40, 60, 3), np.uint8)
IMAGE[:20, :30] = 200


def exif_block(orientation: int, order: str = "<") -> bytes:
    signature = b"II*\0" if order == "<" else b"MM\0*"
    return signature + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def jpeg_with_orientation(orientation: int, order: str = "<") -> bytes:
    jpeg = bytes(cv2.imencode(".jpg", IMAGE)[1])
    block = b"Exif\0\0" + exif_block(orientation, order)
    return jpeg[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + jpeg[2:]


def png_with_orientation(orientation: int) -> bytes:
    png = bytes(cv2.imencode(".png", IMAGE)[1])
    chunk = b"eXIf" + exif_block(orientation, ">")
    checksum = struct.pack(">I", zlib.crc32(chunk))
    return png[:33] + struct.pack(">I", len(chunk) - 4) + chunk + checksum + png[33:]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_read_orientation_reads_jpeg_and_tiff(orientation: int, order: str) -> None:
    assert read_orientation(jpeg_with_orientation(orientation, order)) == orientation
    assert read_orientation(exif_block(orientation, order)) == orientation


@pytest.mark.parametrize("make", [jpeg_with_orientation, png_with_orientation])
def test_read_orientation_agrees_with_decoder(make: object) -> None:
    upright = decode_photo(make(1)).astype(np.int16)  # type: ignore[operator]
    for orientation in (1, 2, 3, 6, 8):
        data = make(orientation)  # type: ignore[operator]
        decoded = decode_photo(data)
        same_shape = decoded.shape == upright.shape
        is_turned = not same_shape or bool((np.abs(decoded - upright) > 90).any())
        assert is_turned == (read_orientation(data) != UPRIGHT)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_read_orientation_ignores_invalid_value(orientation: int) -> None:
    assert read_orientation(jpeg_with_orientation(orientation)) == UPRIGHT


@given(st.binary(max_size=200), st.integers(0, 3))
def test_read_orientation_of_damaged_file_is_upright_or_valid(data: bytes, kind: int) -> None:
    whole = (jpeg_with_orientation(3), png_with_orientation(3), exif_block(3), b"RIFF0000WEBP")
    for damaged in (whole[kind] + data, whole[kind][: len(data)], data):
        assert 1 <= read_orientation(damaged) <= 8
