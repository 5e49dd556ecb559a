"""JPEG markers: iteration over the segments of a JPEG, and splitting of MJPEG streams."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

BEGINNING = b"\xff\xd8\xff"
# Maximum size in bytes of a JPEG in a stream. Longer data without an end marker is dropped.
MAX_FRAME_BYTES = 64 << 20

START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN = 0xD8, 0xD9, 0xDA
HUFFMAN_TABLES = 0xC4
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

# Second bytes that do not start a segment: restart markers (0xD0 to 0xD7), fill bytes (0xFF), and
# zero bytes inside a scan.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class JpegMarker(NamedTuple):
    """Marker in a JPEG file.

    Attributes:
        code: second byte of the marker.
        start: offset of the marker.
        end: offset after the two bytes of the marker.
        segment_end: offset after the marker's segment, which may exceed the length of the data.
    """

    code: int
    start: int
    end: int
    segment_end: int


def walk_markers(data: bytes | bytearray, position: int) -> Iterator[JpegMarker]:
    """Yield the markers of a JPEG after a position. The content of segments is skipped."""
    while match := _MARKER.search(data, position):
        end = match.end()
        code = data[end - 1]
        position = end + (code != 0x01) * int.from_bytes(data[end : end + 2], "big")
        yield JpegMarker(code, match.start(), end, position)


@dataclass
class JpegSplitter:
    """Splitter of a byte stream into JPEGs. Bytes between two JPEGs are skipped.

    Segments are followed as in a decoder, so that the end marker of an embedded thumbnail does not
    end the JPEG. If a new JPEG begins before the end of the previous JPEG, the previous JPEG is
    truncated. The truncated JPEG is also returned, so that the caller can report it.

    Attributes:
        has_skipped_data: whether skipped bytes were part of a damaged JPEG (rather than the text
            between the parts of an HTTP stream).
    """

    has_skipped_data: bool = False

    _buffer: bytearray = field(default_factory=bytearray)
    _position: int = 0

    @property
    def rest(self) -> bytes:
        """Buffered bytes of an incomplete JPEG."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes and return all JPEGs that are now complete."""
        self._buffer += data
        jpegs = []
        while self._seek_start() and (end := self._jpeg_end()):
            jpegs.append(bytes(self._buffer[:end]))
            self._drop(end)
        if len(self._buffer) > MAX_FRAME_BYTES:
            self._drop(len(self._buffer))
        return jpegs

    def _seek_start(self) -> bool:
        """Drop the bytes before the next JPEG. Return whether the buffer starts with a JPEG."""
        if self._position:
            return True
        start = self._buffer.find(BEGINNING)
        if start < 0:
            self._skip(max(0, len(self._buffer) - len(BEGINNING) + 1))
            return False
        self._skip(start)
        self._position = 2
        return True

    def _jpeg_end(self) -> int:
        """Return the offset after the first JPEG, or 0 if its end is not in the buffer yet."""
        for marker in walk_markers(self._buffer, self._position):
            if marker.code == END_OF_IMAGE:
                return marker.end
            if marker.code == START_OF_IMAGE:
                return marker.start
            if max(marker.end + 2, marker.segment_end) > len(self._buffer):
                return 0
            self._position = marker.segment_end
        self._position = max(self._position, len(self._buffer) - 1)
        return 0

    def _skip(self, count: int) -> None:
        skipped = self._buffer[:count]
        if b"\xff" in skipped or b"\x00" in skipped:
            self.has_skipped_data = True
        self._drop(count)

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._position = 0
