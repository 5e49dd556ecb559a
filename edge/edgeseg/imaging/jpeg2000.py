"""Header of a JPEG 2000 file, with or without the JP2 container."""

import struct
from typing import NamedTuple

from edgeseg.errors import CUT_OFF, DAMAGED, SAVE_AS, InvalidImageError
from edgeseg.imaging.image_header import ImageHeader

JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
CODESTREAM_SIGNATURE = b"\xffO\xffQ"

_CODING_STYLE, _START_OF_TILE, _END = 0xFF52, 0xFF90, 0xFFD9
_MIN_TILE_BYTES = 14
_ENUMERATED = b"\x01"  # method of a colour box that contains the number of a colour space
_COLOUR_SPACES = (b"\0\0\0\x10", b"\0\0\0\x11")  # sRGB and grey; OpenCV decodes sYCC wrongly
_COMPONENT_BYTES = 4  # OpenJPEG decodes each sample to 32 bits
_MAX_SEGMENTS = 1 << 17


class _Codestream(NamedTuple):
    """Size and components of a codestream, and the offset of its next marker."""

    width: int
    height: int
    bits: tuple[int, ...]
    is_signed: bool
    is_subsampled: bool
    end: int


def read_jpeg2000(data: bytes, complete: bool) -> ImageHeader:
    """Read the header of a JPEG 2000 file.

    Args:
        data: bytes of the file.
        complete: True if `data` is the whole file, False if it is only the beginning. Only a whole
            file is checked.

    Raises:
        InvalidImageError: the file is truncated, damaged, or of a type that OpenCV does not decode
            correctly.
        struct.error: `data` is too short for the header.
    """
    start = 0
    if data.startswith(JP2_SIGNATURE):
        start = _codestream_start(data)
    stream = _read_size(data, start)
    components = len(stream.bits)
    if complete:
        if components not in {1, 3} or len(set(stream.bits)) > 1 or stream.bits[0] > 16:
            raise _unsupported("a JPEG 2000 with components other than grey or RGB")
        if stream.is_signed or stream.is_subsampled:
            raise _unsupported("a JPEG 2000 with signed or subsampled components")
        _check_tiles(data, stream.end)
    sample_bytes = 1 if max(stream.bits, default=8) <= 8 else 2
    return ImageHeader(
        "jpeg2000",
        stream.width,
        stream.height,
        maximum=(1 << stream.bits[0]) - 1 if stream.bits else None,
        grey=components == 1,
        decoder_bytes=(_COMPONENT_BYTES + sample_bytes) * components - 1,
    )


def has_component_transform(data: bytes) -> bool:
    """Return whether a JPEG 2000 file has a colour transform, which decoders invert.

    Args:
        data: bytes of a file that `read_jpeg2000` has checked.
    """
    start = _codestream_start(data) if data.startswith(JP2_SIGNATURE) else 0
    position = _read_size(data, start).end
    while position + 12 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == _CODING_STYLE:
            return bool(data[position + 8])
        if marker == _START_OF_TILE:
            break
        position += 2 + length
    return False


def _codestream_start(data: bytes) -> int:
    """Return the offset of the codestream in a JP2 container."""
    position = len(JP2_SIGNATURE)
    while True:
        size, name = struct.unpack_from(">I4s", data, position)
        if name == b"jp2c":
            return position + (16 if size == 1 else 8)
        if name == b"jp2h":
            _check_colours(data[position : position + size])
        if size < 8:
            raise InvalidImageError(f"a JPEG 2000 with an invalid box: {DAMAGED}")
        position += size


def _check_colours(box: bytes) -> None:
    """Reject the header box of a JP2 file whose colours OpenCV does not decode correctly."""
    if b"pclr" in box:
        raise _unsupported("a JPEG 2000 with a palette")
    colours = box.partition(b"colr")[2]
    if colours[:1] == _ENUMERATED and colours[3:7] not in _COLOUR_SPACES:
        raise _unsupported("a JPEG 2000 with a colour space other than sRGB or grey")


def _read_size(data: bytes, start: int) -> _Codestream:
    if data[start : start + 4] != CODESTREAM_SIGNATURE:
        struct.unpack_from(">I", data, start)
        raise InvalidImageError(f"a JPEG 2000 without an image: {DAMAGED}")
    length, _, right, bottom, left, top = struct.unpack_from(">HHIIII", data, start + 4)
    (count,) = struct.unpack_from(">H", data, start + 40)
    depths = data[start + 42 : start + 42 + 3 * count]
    if count < 1 or length != 38 + 3 * count:
        raise InvalidImageError(f"a JPEG 2000 with an invalid size: {DAMAGED}")
    if len(depths) < 3 * count:
        raise struct.error
    bits = tuple((depth & 0x7F) + 1 for depth in depths[::3])
    is_signed = any(depth & 0x80 for depth in depths[::3])
    is_subsampled = any(step != 1 for step in (*depths[1::3], *depths[2::3]))
    end = start + 4 + length
    return _Codestream(right - left, bottom - top, bits, is_signed, is_subsampled, end)


def _check_tiles(data: bytes, position: int) -> None:
    """Check the markers and the lengths of the tiles up to the end marker."""
    for _ in range(_MAX_SEGMENTS):
        (marker,) = struct.unpack_from(">H", data, position)
        if marker == _END:
            return
        if marker < 0xFF00:
            raise InvalidImageError(DAMAGED)
        if marker == _START_OF_TILE:
            (tile_bytes,) = struct.unpack_from(">I", data, position + 6)
            if tile_bytes == 0:  # the tile ends at the end marker
                break
            position += max(tile_bytes, _MIN_TILE_BYTES)
        else:
            (length,) = struct.unpack_from(">H", data, position + 2)
            position += 2 + length
    if b"\xff\xd9" not in data[-64:]:
        raise InvalidImageError(CUT_OFF)


def _unsupported(kind: str) -> InvalidImageError:
    return InvalidImageError(f"{kind} is not supported. {SAVE_AS}", "unsupported_format")
