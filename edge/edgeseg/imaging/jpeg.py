"""JPEG decoder for undamaged files of the usual types. Several threads may use the decoder.

simplejpeg returns the warnings of libjpeg-turbo to the caller. OpenCV prints these warnings to
standard error. Both decoders return identical pixels.
"""

import re
from typing import cast

import simplejpeg

from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.jpeg_markers import START_OF_SCAN, walk_markers

# EXIF orientation that rotates or mirrors the photograph, in both byte orders: tag 0x0112, type and
# count, value 2 to 8. If unrelated bytes match, OpenCV decodes the file.
_TURNED = re.compile(rb"\x01\x12.{6}\x00[\x02-\x08]|\x12\x01.{6}[\x02-\x08]\x00", re.DOTALL)
_EXIF = b"Exif\x00\x00"
_MAX_SEGMENT_BYTES = 1 << 16
_COLOUR_SPACES = frozenset({"Gray", "YCbCr", "RGB"})


def decode_plain_jpeg(data: bytes) -> Photo | None:
    """Decode an undamaged JPEG.

    Args:
        data: bytes of the file; the size of the image must have been checked.

    Returns:
        (H, W, 3) uint8 RGB, contiguous. None if the file may be damaged, requires rotation, or has
        unusual colours (CMYK). In these cases, another decoder must be used.
    """
    if _may_be_turned(data):
        return None
    try:
        colour_space = simplejpeg.decode_jpeg_header(data, strict=True)[2]
        if colour_space not in _COLOUR_SPACES:
            return None
        return cast("Photo", simplejpeg.decode_jpeg(data, "RGB", strict=True))
    except ValueError:
        return None


def _may_be_turned(data: bytes) -> bool:
    pixels = _find_pixels(data)
    start = data.find(_EXIF, 0, pixels)
    if start < 0:
        return False
    has_second = data.find(_EXIF, start + 1, pixels) >= 0
    return has_second or _TURNED.search(data, start, start + _MAX_SEGMENT_BYTES) is not None


def _find_pixels(data: bytes) -> int:
    """Return the offset of the first scan. EXIF data precedes the first scan."""
    for marker in walk_markers(data, 2):
        if marker.code == START_OF_SCAN:
            return marker.start
    return len(data)
