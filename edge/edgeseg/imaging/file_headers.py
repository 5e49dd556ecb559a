"""What an image file says of itself, read before a decoder sees it: format, size, and whether it is whole.

OpenCV returns a half-grey photograph for a cut-off JPEG and foreign memory for some TIFFs. Half a retina,
segmented in silence, is worse than none, so what is not whole is refused here.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from edgeseg.imaging.invalid_image import CUT_OFF, DAMAGED, SAVE_AS, InvalidImageError
from edgeseg.imaging.tiff import TiffDirectory

ImageFormat: TypeAlias = Literal["png", "jpeg", "tiff", "gif", "bmp", "pnm"]

_MAX_JPEG_SCANS = (
    100  # Cameras write 1 to 12; each takes a pass over all pixels, however few bytes it has.
)
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_MAX_PNM_HEADER = 1 << 16
_PNM = re.compile(rb"P([1-6])" + 2 * rb"(?:\s|#[^\n]*\n)+([0-9]{1,9})")
_PNM_MAXIMUM = re.compile(rb"(?:\s|#[^\n]*\n)+([0-9]{1,5})\s")


class ImageHeader(NamedTuple):
    """What the first image of a file is.

    Attributes:
        format: The file's format, by its content, whatever its name says.
        width: Columns, before a turn by the EXIF orientation.
        height: Rows, before a turn by the EXIF orientation.
        alpha: Whether there may be a transparency channel that lies as the pixels do.
        maximum: The sample value that stands for white, where the file states one (PPM, PGM).
        end: Where a JPEG's end marker lies; 0 for the other formats.
    """

    format: ImageFormat
    width: int
    height: int
    alpha: bool = False
    maximum: int | None = None
    end: int = 0


def read_header(data: bytes) -> ImageHeader:
    """Bytes of an image file -> what it says of itself, once it is known to be whole.

    Raises:
        BrokenImageError: The format is not known, or the file is cut off, damaged or of a kind that cannot be
            decoded faithfully.
    """
    try:
        return _reader(data)(data, True)
    except (struct.error, IndexError) as error:
        raise InvalidImageError(CUT_OFF) from error


def peek_header(beginning: bytes) -> ImageHeader | None:
    """First bytes of an image file -> what it says of itself; None where that stands further on.

    Raises:
        BrokenImageError: No image file begins so.
    """
    try:
        return _reader(beginning)(beginning, False)
    except (struct.error, IndexError):
        return None


def _reader(data: bytes) -> Callable[[bytes, bool], ImageHeader]:
    for signature, reader in _READERS:
        if data.startswith(signature):
            return reader
    raise InvalidImageError(
        "not a PNG, JPEG, TIFF, BMP, GIF, PPM or PGM image; save it as one of these"
    )


def _png(data: bytes, whole: bool) -> ImageHeader:
    width, height, _, colour = struct.unpack_from(">IIBB", data, 16)
    alpha, turned, position, kind = colour in {4, 6}, False, 8, b""
    while whole and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        (checksum,) = struct.unpack_from(">I", data, position + 8 + length)
        critical = not kind[0] & 0x20
        if (
            critical
            and zlib.crc32(memoryview(data)[position + 4 : position + 8 + length]) != checksum
        ):
            raise InvalidImageError(f"a PNG checksum does not match: {DAMAGED}")
        alpha |= kind == b"tRNS"
        turned |= kind == b"eXIf"
        position += 12 + length
    return ImageHeader("png", width, height, alpha=alpha and not turned)


def _jpeg(data: bytes, whole: bool) -> ImageHeader:
    """Walk from marker to marker: a photograph is whole when its last scan ends with the end marker."""
    position, width, height, scans = 2, 0, 0, 0
    while (found := _JPEG_MARKER.search(data, position)) and data[found.end() - 1] != 0xD9:
        position, marker = found.end(), data[found.end() - 1]
        if marker == 0x01:
            continue
        if marker in _JPEG_FRAMES and not height:
            height, width = struct.unpack_from(">HH", data, position + 3)
            if not whole:
                return ImageHeader("jpeg", width, height)
        scans += marker == 0xDA
        if scans > _MAX_JPEG_SCANS:
            raise InvalidImageError(f"a JPEG of more than {_MAX_JPEG_SCANS} scans; {SAVE_AS}")
        position += struct.unpack_from(">H", data, position)[0]
    if found is None or not scans:
        raise IndexError
    return ImageHeader("jpeg", width, height, end=found.start())


def _gif(data: bytes, whole: bool) -> ImageHeader:
    """Walk over the blocks up to the end of the first image; the rest of an animation is not read."""
    width, height, packed = struct.unpack_from("<HHB", data, 6)
    position = 13 + _palette_bytes(packed)
    while whole and data[position] == 0x21:
        position = _after_sub_blocks(data, position + 2)
    if whole:
        if data[position] != 0x2C:
            raise InvalidImageError(f"a GIF without an image: {DAMAGED}")
        left, top, columns, rows, packed = struct.unpack_from("<HHHHB", data, position + 1)
        if left + columns > width or top + rows > height:
            raise InvalidImageError(f"a GIF image larger than its frame: {DAMAGED}")
        _after_sub_blocks(data, position + 11 + _palette_bytes(packed))
    return ImageHeader("gif", width, height, alpha=True)


def _palette_bytes(packed: int) -> int:
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _after_sub_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += 1 + data[position]
    return position + 1


def _bmp(data: bytes, whole: bool) -> ImageHeader:
    offset, size = struct.unpack_from("<II", data, 10)
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    uncompressed = compression in {0, 3}
    if whole and uncompressed and offset + (width * bits + 31) // 32 * 4 * abs(height) > len(data):
        raise InvalidImageError(CUT_OFF)
    return ImageHeader("bmp", width, abs(height), alpha=bits == 32)


def _pnm(data: bytes, whole: bool) -> ImageHeader:
    beginning = data[:_MAX_PNM_HEADER]
    found = _PNM.match(beginning)
    if found is None:
        raise InvalidImageError(f"a PPM or PGM without a size: {DAMAGED}")
    kind, width, height = (int(group) for group in found.groups())
    maximum, start = 1, found.end() + 1
    if kind not in {1, 4}:
        stated = _PNM_MAXIMUM.match(beginning, found.end())
        if stated is None or not 0 < int(stated[1]) < 65536:
            raise InvalidImageError(f"a PPM or PGM without a size: {DAMAGED}")
        maximum, start = int(stated[1]), stated.end()
    row = {4: (width + 7) // 8, 5: width, 6: width * 3}.get(kind, 0) * (2 if maximum > 255 else 1)
    if whole and start + row * height > len(data):
        raise InvalidImageError(CUT_OFF)
    return ImageHeader("pnm", width, height, maximum=None if kind in {1, 4} else maximum)


def _tiff(data: bytes, whole: bool) -> ImageHeader:
    directory = TiffDirectory.read(data)
    width, height = directory.size
    if whole:
        directory.check(len(data))
    return ImageHeader("tiff", width, height, alpha=directory.alpha)


_READERS = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _tiff),
    ((b"GIF87a", b"GIF89a"), _gif),
    (b"BM", _bmp),
    (tuple(b"P%d" % kind for kind in range(1, 7)), _pnm),
)
