"""Pixel Data element: location of the bytes of each frame."""

import re
import struct
from dataclasses import dataclass

from edgeseg.errors import CUT_OFF, DAMAGED, InvalidImageError

_ITEM, _DELIMITER = 0xFFFEE000, 0xFFFEE0DD
_MAX_FRAGMENTS = 1 << 20
_UNDEFINED = 0xFFFFFFFF
_PIXEL_VRS = ("OB", "OW", "UN")
# First bytes of JPEG, JPEG-LS and JPEG 2000 streams. A frame starts with one of them.
_STREAM_START = re.compile(rb"\xff\xd8\xff|\xff\x4f\xff\x51|\0\0\0\x0cjP  ")


@dataclass(frozen=True)
class PixelData:
    """Location of the pixels in the bytes of a DICOM file.

    Attributes:
        vr: value representation, `OB` or `OW`; empty in implicit VR.
        start: offset of the value.
        length: length of the value in bytes; None if it is encapsulated.
        fragments: start and end of each fragment of an encapsulated value.
        offsets: start of each frame in the fragments, if the file contains a basic offset table.
    """

    vr: str
    start: int
    length: int | None
    fragments: tuple[tuple[int, int], ...] = ()
    offsets: tuple[int, ...] = ()

    def native_frame(self, number: int, frame_bytes: int) -> tuple[int, int]:
        """Return the start and end of an uncompressed frame.

        Args:
            number: number of the frame, from 1.
            frame_bytes: bytes of one frame.
        """
        start = self.start + (number - 1) * frame_bytes
        return start, start + frame_bytes

    def encapsulated_frame(self, data: bytes, number: int, frames: int) -> bytes:
        """Return the compressed bytes of a frame.

        Args:
            data: bytes of the file.
            number: number of the frame, from 1.
            frames: number of frames in the file.

        Raises:
            InvalidImageError: The start of the frame cannot be determined from the fragments.
        """
        first, last = self._frame_starts(data, frames)[number - 1 : number + 1]
        parts = [data[start:end] for start, end in self.fragments[first:last]]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _frame_starts(self, data: bytes, frames: int) -> list[int]:
        """Return the index of each frame's first fragment, followed by the fragment count."""
        count = len(self.fragments)
        if frames == 1:
            return [0, count]
        if count == frames:
            return list(range(count + 1))
        starts = [
            number
            for number, (start, _) in enumerate(self.fragments)
            if _STREAM_START.match(data, start)
        ]
        if len(self.offsets) == frames:
            first = self.fragments[0][0] - 8
            known = {start - 8 - first: index for index, (start, _) in enumerate(self.fragments)}
            starts = [known.get(offset, -1) for offset in self.offsets]
        is_increasing = starts == sorted(set(starts))
        if len(starts) != frames or starts[0] != 0 or not is_increasing:
            raise InvalidImageError(f"{count} pixel fragments for {frames} frames: {DAMAGED}")
        return [*starts, count]


def locate_pixel_data(data: bytes, position: int, little: bool) -> PixelData:
    """Locate the pixels.

    Args:
        data: bytes of the file.
        position: offset of the Pixel Data element.
        little: whether the file is little endian.

    Raises:
        InvalidImageError: The file contains no pixels, or is truncated.
    """
    order = "<" if little else ">"
    try:
        group, element = struct.unpack_from(f"{order}HH", data, position)
        if (group, element) != (0x7FE0, 0x0010):
            raise InvalidImageError("no pixels. Export the photograph again.", "undecodable")
        vr = data[position + 4 : position + 6].decode("latin-1")
        if vr not in _PIXEL_VRS:  # implicit VR, regardless of the transfer syntax
            vr = ""
        start = position + (12 if vr else 8)
        (length,) = struct.unpack_from(f"{order}I", data, start - 4)
        if length == _UNDEFINED:
            return _read_fragments(data, start, vr)
    except struct.error as error:
        raise InvalidImageError(CUT_OFF) from error
    if start + length > len(data):
        raise InvalidImageError(CUT_OFF)
    return PixelData(vr, start, length)


def _read_fragments(data: bytes, start: int, vr: str) -> PixelData:
    position = start
    items: list[tuple[int, int]] = []
    while len(items) <= _MAX_FRAGMENTS:
        group, element, length = struct.unpack_from("<HHI", data, position)
        tag = group << 16 | element
        if tag == _DELIMITER:
            break
        position += 8
        if tag != _ITEM or length == _UNDEFINED:
            raise InvalidImageError(f"invalid pixel fragments: {DAMAGED}")
        if position + length > len(data):
            raise InvalidImageError(CUT_OFF)
        items.append((position, position + length))
        position += length
    if len(items) < 2:
        raise InvalidImageError(f"no pixel fragments: {DAMAGED}")
    table = data[slice(*items[0])]
    offsets = struct.unpack(f"<{len(table) // 4}I", table[: len(table) // 4 * 4])
    return PixelData(vr, start, None, tuple(items[1:]), offsets)
