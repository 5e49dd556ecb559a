"""EXIF orientation of an image file."""

import struct
from collections.abc import Iterator
from typing import cast

import cv2

from edgeseg.imaging.jpeg_markers import BEGINNING, START_OF_SCAN, walk_markers
from edgeseg.imaging.sample_range import Samples

UPRIGHT = 1
"""Orientation of an image that requires no rotation."""

_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_EXIF = b"Exif\0\0"
_APP1 = 0xE1
_ORIENTATION_TAG, _SHORT = 0x0112, 3
# OpenCV's flip codes. From orientation 5 on, the image is first transposed.
_FLIPS = {1: 1, 2: -1, 3: 0}


def read_orientation(data: bytes) -> int:
    """Return the EXIF orientation of a JPEG, PNG, TIFF or WebP file, from 1 to 8.

    Args:
        data: bytes of the file.

    Returns:
        `UPRIGHT` if the file has no valid orientation.
    """
    try:
        for block in _exif_blocks(data):
            orientation = _read_tag(block)
            if orientation is not None:
                return orientation
    except (struct.error, IndexError):
        return UPRIGHT
    return UPRIGHT


def apply_orientation(image: Samples, orientation: int) -> Samples:
    """Rotate and mirror an image, (H, W) or (H, W, C), partly in place.

    Args:
        image: stored pixels.
        orientation: EXIF orientation, 1 to 8.
    """
    if orientation >= 5:
        image = cast("Samples", cv2.transpose(image))
    flip = _FLIPS.get((orientation - 1) % 4)
    return image if flip is None else cast("Samples", cv2.flip(image, flip, dst=image))


def _exif_blocks(data: bytes) -> Iterator[bytes]:
    """Yield the TIFF structures that contain EXIF tags."""
    if data.startswith(BEGINNING):
        for marker in walk_markers(data, 2):
            if marker.code == START_OF_SCAN:
                return
            if marker.code == _APP1 and data.startswith(_EXIF, marker.end + 2):
                yield data[marker.end + 2 + len(_EXIF) : marker.segment_end]
    elif data.startswith(_PNG):
        yield from _png_blocks(data)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        yield from _webp_blocks(data)
    elif data[:4] in _TIFF_BYTE_ORDERS:
        yield data


def _png_blocks(data: bytes) -> Iterator[bytes]:
    position = len(_PNG)
    while position + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        if data[position + 4 : position + 8] == b"eXIf":
            yield data[position + 8 : position + 8 + length]
        position += 12 + length


def _webp_blocks(data: bytes) -> Iterator[bytes]:
    position = 12
    while position + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, position + 4)
        if data[position : position + 4] == b"EXIF":
            yield data[position + 8 : position + 8 + length].removeprefix(_EXIF)
        position += 8 + length + length % 2


def _read_tag(block: bytes) -> int | None:
    """Return the orientation in the first directory of a TIFF structure, or None."""
    order = _TIFF_BYTE_ORDERS.get(block[:4])
    if order is None:
        return None
    (directory,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, directory)
    for index in range(count):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", block, directory + 2 + 12 * index)
        if tag == _ORIENTATION_TAG and kind == _SHORT and 1 <= value <= 8:
            return int(value)
    return None
