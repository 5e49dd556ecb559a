"""JPEG decoder for undamaged files of the usual kinds, in any number of threads at once.

libjpeg-turbo reports damage to its caller here, and not on the standard error of the process as it
does in OpenCV. The pixels are the same.
"""

import re
from typing import cast

import simplejpeg

from edgeseg.imaging.arrays import Photo

# An orientation in EXIF metadata that turns or mirrors the photograph, in both byte orders:
# tag 0x0112, type and count, value 2 to 8. A chance match is harmless.
_TURNED = re.compile(rb"\x01\x12.{6}\x00[\x02-\x08]|\x12\x01.{6}[\x02-\x08]\x00", re.DOTALL)
_EXIF = b"Exif\x00\x00"
_MAX_SEGMENT_BYTES = 1 << 16
_COLOUR_SPACES = frozenset({"Gray", "YCbCr", "RGB"})


def decode_plain_jpeg(data: bytes) -> Photo | None:
    """Decode an undamaged JPEG.

    Args:
        data: bytes of the file, whose size has been checked.

    Returns:
        (H, W, 3) uint8 RGB, contiguous; None if another decoder must read the file: it may be
        damaged, needs rotation, or has unusual colours (CMYK).
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
    start = data.find(_EXIF)
    if start < 0:
        return False
    has_second = data.find(_EXIF, start + 1) >= 0
    return has_second or _TURNED.search(data, start, start + _MAX_SEGMENT_BYTES) is not None
