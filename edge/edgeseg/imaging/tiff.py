"""First directory of a TIFF file: size, sample type, and check for missing pixels."""

from __future__ import annotations

import math
import operator
import struct
from typing import NamedTuple

from edgeseg.errors import CUT_OFF, DAMAGED, SAVE_AS, InvalidImageError
from edgeseg.imaging import tiff_deflate
from edgeseg.imaging.file_content import FileContent, unpack_at

# Maximum number of values in a tag, more than the number of strips or tiles of any photograph.
_MAX_VALUES = 1 << 17
_MAX_ENTRIES = 4096
_MAX_OVERLAP = 8  # maximum size of all strips relative to the file; equal strips may share bytes
_TYPE_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}

_SUBFILE_TYPE, _THUMBNAIL, _TRANSPARENCY = 254, 1, 4  # the tag and two of its bits
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _STRIP_ROWS, _STRIP_BYTES = 273, 277, 278, 279
_PLANES, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 284, 322, 323, 324, 325
_FILL_ORDER, _ORIENTATION, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 266, 274, 338, 339
_TAGS = frozenset(
    {_SUBFILE_TYPE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC}
    | {_STRIP_OFFSETS, _SAMPLES, _STRIP_ROWS, _STRIP_BYTES}
    | {_PLANES, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES}
    | {_FILL_ORDER, _ORIENTATION, _EXTRA_SAMPLES, _SAMPLE_FORMAT}
)

# Compressions in OpenCV's build of libtiff.
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946})
_UNSUPPORTED_COMPRESSIONS = {
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossless JPEG",
    34925: "LZMA",
    34933: "PNG",
    34934: "JPEG XR",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}

# OpenCV mirrors the pixels within each 8-bit tile instead of the whole image.
_SCRAMBLED_ORIENTATIONS = frozenset({2, 3, 6, 7})

_WHITE_IS_ZERO, _YCBCR = 0, 6  # photometric values; YCbCr may have fewer colour samples than pixels


def tiff_formats(data: FileContent) -> tuple[str, str]:
    """Return the struct formats of an offset and of a directory's number of entries.

    Args:
        data: first bytes of a TIFF or BigTIFF file.
    """
    order = "<" if data[0:1] == b"I" else ">"
    is_big = data[2:4] in {b"+\0", b"\0+"}
    return (order + "Q", order + "Q") if is_big else (order + "I", order + "H")


class TiffDirectory(NamedTuple):
    """Integer tags of a page in a classic TIFF or BigTIFF file of either byte order.

    Attributes:
        tags: values of each tag. The key is the tag number.
    """

    tags: dict[int, tuple[int, ...]]

    @classmethod
    def read(cls, data: FileContent, start: int | None = None) -> TiffDirectory:
        """Read a directory of a TIFF file.

        Args:
            data: bytes of the file.
            start: offset of the directory. The default is the first directory.

        Raises:
            struct.error: the directory is outside of the file.
        """
        offset_format, count_format = tiff_formats(data)
        order = offset_format[0]
        offset_bytes = struct.calcsize(offset_format)
        if start is None:
            (start,) = unpack_at(offset_format, data, offset_bytes)
        (count,) = unpack_at(count_format, data, start)
        first = start + struct.calcsize(count_format)
        # An entry contains the tag, the type, the count, and the values. Long values are replaced
        # with an offset.
        entry_format = offset_format[0] + "HH" + offset_format[1]
        entry_bytes = struct.calcsize(entry_format) + offset_bytes
        tags: dict[int, tuple[int, ...]] = {}
        for entry in range(first, first + entry_bytes * min(count, _MAX_ENTRIES), entry_bytes):
            number, kind, length = unpack_at(entry_format, data, entry)
            code = _TYPE_CODES.get(kind)
            if number not in _TAGS or number in tags or code is None or length > _MAX_VALUES:
                continue
            values_format = f"{order}{length}{code}"
            values = entry + entry_bytes - offset_bytes
            if struct.calcsize(values_format) > offset_bytes:
                (values,) = unpack_at(offset_format, data, values)
            tags[number] = unpack_at(values_format, data, values)
        return cls(tags)

    @property
    def is_auxiliary(self) -> bool:
        """True if the file marks the page as a thumbnail or a transparency mask."""
        return bool(self._value(_SUBFILE_TYPE) & (_THUMBNAIL | _TRANSPARENCY))

    def _value(self, number: int, default: int = 0) -> int:
        return next(iter(self.tags.get(number, ())), default)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._value(_WIDTH), self._value(_HEIGHT)

    @property
    def alpha(self) -> bool:
        """True if the colours are followed by a transparency channel."""
        return self._value(_EXTRA_SAMPLES) in {1, 2}

    @property
    def maximum(self) -> int | None:
        """Sample value of white for samples of 9 to 15 bits, which OpenCV shifts to 16 bits.

        None for other numbers of bits.
        """
        bits = self._value(_BITS, 1)
        return ((1 << bits) - 1) << (16 - bits) if 8 < bits < 16 else None

    @property
    def decoder_bytes(self) -> int:
        """Bytes per pixel that OpenCV allocates in addition to the RGB image.

        OpenCV allocates memory for a strip or tile, which may be larger than the image, and copies
        the decoded image.
        """
        width, height = self.size
        if _TILE_OFFSETS in self.tags:
            piece = self._value(_TILE_WIDTH) * self._value(_TILE_HEIGHT)
            sizes = self.tags.get(_TILE_BYTES, ())
        else:
            piece = width * min(self._value(_STRIP_ROWS, height), height)
            sizes = self.tags.get(_STRIP_BYTES, ())
        samples = max(3, self._value(_SAMPLES, 1))
        if self._value(_BITS, 1) <= 8:
            image, buffer = min(samples, 4), 4
        else:
            image = buffer = 2 * samples
        piece_bytes = buffer * piece + max(sizes, default=0)
        return max(image, math.ceil(piece_bytes / max(1, width * height))) + image - 3

    def check(self, data: bytes) -> None:
        """Reject a file that OpenCV would decode wrongly.

        Args:
            data: bytes of the file.

        Raises:
            InvalidImageError: OpenCV does not support the compression, sample type or layout,
                pixels are missing, or the checksum of a deflated strip does not match.
        """
        bits = self._value(_BITS, 1)
        compression = self._value(_COMPRESSION, 1)
        if compression not in _COMPRESSIONS:
            name = _UNSUPPORTED_COMPRESSIONS.get(compression, f"number {compression}")
            raise _unsupported(f"a TIFF with the compression {name}")
        if self._value(_SAMPLE_FORMAT, 1) not in {1, 4} or bits > 16:
            raise _unsupported("a TIFF with samples other than 8 or 16 bit integers")
        if bits > 8 and self._value(_PLANES, 1) == 2 and self._value(_SAMPLES, 1) > 1:
            raise _unsupported("a 16-bit TIFF with separate colour planes")
        if bits > 8 and self._value(_PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
            raise _unsupported("a 16-bit TIFF in which 0 is white")
        if self.alpha and self._value(_SAMPLES, 1) == 2:
            raise _unsupported("a grey TIFF with transparency")
        is_scrambled = self._value(_ORIENTATION, 1) in _SCRAMBLED_ORIENTATIONS
        if bits <= 8 and _TILE_OFFSETS in self.tags and is_scrambled:
            raise _unsupported("a tiled TIFF with this orientation")
        self._check_pixels(data)

    def _check_pixels(self, data: bytes) -> None:
        """Check that the strips or tiles cover the image, are inside the file, and are intact."""
        width, height = self.size
        if _TILE_OFFSETS in self.tags:
            offsets, sizes = self.tags[_TILE_OFFSETS], self.tags.get(_TILE_BYTES, ())
            columns, rows = self._value(_TILE_WIDTH), self._value(_TILE_HEIGHT)
        else:
            offsets, sizes = self.tags.get(_STRIP_OFFSETS, ()), self.tags.get(_STRIP_BYTES, ())
            columns, rows = width, min(self._value(_STRIP_ROWS, height), height)
        if columns < 1 or rows < 1 or columns * rows > 4 * max(width * height, 1 << 20):
            raise InvalidImageError(f"a TIFF with invalid strips or tiles: {DAMAGED}")
        samples = self._value(_SAMPLES, 1)
        planes = samples if self._value(_PLANES, 1) == 2 else 1
        pieces = math.ceil(width / columns) * math.ceil(height / rows) * planes
        if min(len(offsets), len(sizes)) < pieces:
            raise InvalidImageError(f"a TIFF with missing strips or tiles: {DAMAGED}")
        if max(map(operator.add, offsets, sizes), default=0) > len(data):
            raise InvalidImageError(CUT_OFF)
        bits = self._value(_BITS, 1)
        compression = self._value(_COMPRESSION, 1)
        raw = compression == 1 and self._value(_PHOTOMETRIC, 1) != _YCBCR
        if raw and sum(sizes) < width * height * samples * bits // 8:
            raise InvalidImageError(CUT_OFF)
        if compression in tiff_deflate.COMPRESSIONS:
            row_bytes = math.ceil(columns * (samples // planes) * bits / 8)
            self._check_deflate(data, offsets[:pieces], sizes[:pieces], rows * row_bytes)

    def _check_deflate(
        self, data: bytes, offsets: tuple[int, ...], sizes: tuple[int, ...], max_bytes: int
    ) -> None:
        if sum(sizes) > _MAX_OVERLAP * len(data):
            raise InvalidImageError(f"a TIFF with overlapping strips or tiles: {DAMAGED}")
        reverse_bits = self._value(_FILL_ORDER, 1) == 2
        view = memoryview(data)
        for start, size in zip(offsets, sizes, strict=True):
            packed = view[start : start + size]
            if not tiff_deflate.is_deflate_intact(packed, max_bytes, reverse_bits):
                raise InvalidImageError(f"a TIFF checksum does not match: {DAMAGED}")


def _unsupported(kind: str) -> InvalidImageError:
    return InvalidImageError(f"{kind} is not supported. {SAVE_AS}", "unsupported_format")
