"""Header of a WebP file. The format has no checksum, and the decoder reports no damage."""

import struct

from edgeseg.errors import CUT_OFF, DAMAGED, SAVE_AS, InvalidImageError
from edgeseg.imaging.image_header import ImageHeader
from edgeseg.imaging.orientation import read_orientation

# Number of consecutive zeros that indicates an interrupted copy. Black images contain at most 400.
_BLANK = bytes(4096)
_ANIMATION, _ALPHA = 0x02, 0x10  # flags of the chunk VP8X


def read_webp(data: bytes, complete: bool) -> ImageHeader:
    """Read the header of a WebP file.

    Args:
        data: bytes of the file.
        complete: True if `data` is the whole file, False if it is only the beginning. Only a whole
            file is checked.

    Raises:
        InvalidImageError: the file is truncated, damaged or an animation.
        struct.error: `data` is too short for the header.
    """
    (riff_bytes,) = struct.unpack_from("<I", data, 4)
    if complete and 8 + riff_bytes > len(data):
        raise InvalidImageError(CUT_OFF)
    if complete and _BLANK in data:
        raise InvalidImageError(DAMAGED)
    chunk = data[12:16]
    alpha = False
    if chunk == b"VP8X":
        (flags,) = struct.unpack_from("<B", data, 20)
        if flags & _ANIMATION:
            raise InvalidImageError(
                f"an animated WebP is not supported. {SAVE_AS}", "unsupported_format"
            )
        width, height = (_read_uint24(data, offset) + 1 for offset in (24, 27))
        alpha = bool(flags & _ALPHA)
    elif chunk == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, 21)
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        alpha = bool(packed >> 28 & 1)
    elif chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        width, height = width & 0x3FFF, height & 0x3FFF
    else:
        raise InvalidImageError(f"a WebP without an image: {DAMAGED}")
    return ImageHeader(
        "webp",
        width,
        height,
        alpha=alpha,
        decoder_bytes=5 if alpha else 3,
        orientation=read_orientation(data),
    )


def _read_uint24(data: bytes, offset: int) -> int:
    low, high = struct.unpack_from("<HB", data, offset)
    return int(low | high << 16)
