"""The first directory of a TIFF file: size, kind of samples, and whether all its pixels are there."""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

from edgeseg.imaging.invalid_image import CUT_OFF, DAMAGED, SAVE_AS, InvalidImageError

_MAX_VALUES = (
    1 << 17
)  # Of one tag: more strips or tiles than any photograph has, few enough to hold.
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _STRIP_ROWS, _STRIP_BYTES = 273, 277, 278, 279
_PLANES, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 284, 322, 323, 324, 325
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339
_SUBSAMPLED = (
    6  # The photometric YCbCr, whose colours may have fewer samples than there are pixels.
)
_WANTED = frozenset(
    {
        _WIDTH,
        _HEIGHT,
        _BITS,
        _COMPRESSION,
        _PHOTOMETRIC,
        _STRIP_OFFSETS,
        _SAMPLES,
        _STRIP_ROWS,
        _STRIP_BYTES,
    }
    | {
        _PLANES,
        _TILE_WIDTH,
        _TILE_HEIGHT,
        _TILE_OFFSETS,
        _TILE_BYTES,
        _EXTRA_SAMPLES,
        _SAMPLE_FORMAT,
    }
)


class TiffDirectory(NamedTuple):
    """Tags of the first page: number -> values, whole numbers only. Classic and BigTIFF, both byte orders."""

    tags: dict[int, tuple[int, ...]]

    @classmethod
    def read(cls, data: bytes) -> TiffDirectory:
        """Bytes of a TIFF file -> its first directory.

        Raises:
            struct.error: The directory lies outside of the bytes.
        """
        order = "<" if data[:1] == b"I" else ">"
        big = data[2:4] in {b"+\0", b"\0+"}
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
        first, step, room = (start + 8, 20, 8) if big else (start + 2, 12, 4)
        entry = order + ("HHQ" if big else "HHI")
        tags: dict[int, tuple[int, ...]] = {}
        for position in range(first, first + step * min(count, 4096), step):
            number, kind, length = struct.unpack_from(entry, data, position)
            code = _TYPES.get(kind)
            if number not in _WANTED or number in tags or code is None or length > _MAX_VALUES:
                continue
            layout, place = f"{order}{length}{code}", position + step - room
            if struct.calcsize(layout) > room:
                (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, place)
            tags[number] = struct.unpack_from(layout, data, place)
        return cls(tags)

    def _value(self, number: int, default: int = 0) -> int:
        return next(iter(self.tags.get(number, ())), default)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._value(_WIDTH), self._value(_HEIGHT)

    @property
    def alpha(self) -> bool:
        """Whether a transparency channel follows the colours."""
        return self._value(_EXTRA_SAMPLES) in {1, 2}

    def check(self, file_bytes: int) -> None:
        """Refuse what OpenCV would decode to something else than the photograph.

        Raises:
            BrokenImageError: Sample types and layouts that OpenCV does not read or reads wrongly, or pixels
                that lie outside of the file.
        """
        bits, wide = self._value(_BITS, 1), self._value(_BITS, 1) > 8
        if self._value(_SAMPLE_FORMAT, 1) not in {1, 4} or bits > 16:
            raise InvalidImageError(
                f"a TIFF whose samples are not whole numbers of 8 or 16 bits; {SAVE_AS}"
            )
        if wide and self._value(_PLANES, 1) == 2 and self._value(_SAMPLES, 1) > 1:
            raise InvalidImageError(
                f"a 16-bit TIFF whose colours lie in separate planes; {SAVE_AS}"
            )
        if wide and self._value(_PHOTOMETRIC, 1) == 0:
            raise InvalidImageError(f"a 16-bit TIFF whose zero means white; {SAVE_AS}")
        self._check_pixels(file_bytes)

    def _check_pixels(self, file_bytes: int) -> None:
        tiled = _TILE_OFFSETS in self.tags
        offsets = self.tags.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, ())
        counts = self.tags.get(_TILE_BYTES if tiled else _STRIP_BYTES, ())
        width, height = self.size
        columns, rows = (
            (self._value(_TILE_WIDTH), self._value(_TILE_HEIGHT))
            if tiled
            else (width, min(self._value(_STRIP_ROWS, height), height))
        )
        planes = self._value(_SAMPLES, 1) if self._value(_PLANES, 1) == 2 else 1
        if columns < 1 or rows < 1 or columns * rows > 4 * max(width * height, 1 << 20):
            raise InvalidImageError(f"a TIFF whose strips or tiles make no sense: {DAMAGED}")
        pieces = math.ceil(width / columns) * math.ceil(height / rows) * planes
        if min(len(offsets), len(counts)) < pieces:
            raise InvalidImageError(f"a TIFF without some of its strips or tiles: {DAMAGED}")
        if any(start + size > file_bytes for start, size in zip(offsets, counts, strict=False)):
            raise InvalidImageError(CUT_OFF)
        plain = self._value(_COMPRESSION, 1) == 1 and self._value(_PHOTOMETRIC, 1) != _SUBSAMPLED
        if (
            plain
            and sum(counts) < width * height * self._value(_SAMPLES, 1) * self._value(_BITS, 1) // 8
        ):
            raise InvalidImageError(CUT_OFF)
