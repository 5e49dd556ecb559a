"""Bytes of JPEGs one after the other (MJPEG) -> each JPEG whole; what lies between them is skipped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

BEGINNING = b"\xff\xd8\xff"
MAX_FRAME_BYTES = 64 << 20
"""Of a stream's picture; what grows longer without an end is dropped."""

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_END, _ALONE = 0xD9, 0x01


@dataclass
class JpegSplitter:
    """Takes bytes as they come, gives whole JPEGs.

    It walks from marker to marker, as a decoder does: the end of a thumbnail within a JPEG is not its end, and the
    pixels' bytes hold no marker. Where a new JPEG begins before the one before has ended, that one was cut off: it is
    given too, so that its loss is reported as that of any damaged picture.
    """

    _buffer: bytearray = field(default_factory=bytearray)
    _position: int = 0

    @property
    def rest(self) -> bytes:
        """What came and is no whole JPEG yet."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """More bytes -> the JPEGs that they complete."""
        self._buffer += data
        whole = []
        while self._begin() and (end := self._end()):
            whole.append(bytes(self._buffer[:end]))
            del self._buffer[:end]
            self._position = 0
        if len(self._buffer) > MAX_FRAME_BYTES:
            self._lose(len(self._buffer))
        return whole

    def _begin(self) -> bool:
        """Bring the next JPEG's beginning to the front of the buffer."""
        if self._position:
            return True
        start = self._buffer.find(BEGINNING)
        self._lose(start if start >= 0 else max(0, len(self._buffer) - len(BEGINNING) + 1))
        self._position = 2 if start >= 0 else 0
        return start >= 0

    def _end(self) -> int:
        """Where the JPEG at the front ends; 0 while that is not known."""
        while found := _MARKER.search(self._buffer, self._position):
            marker = self._buffer[found.end() - 1]
            if marker == _END:
                return found.end()
            if marker == 0xD8:
                return found.start()
            after = found.end()
            if marker != _ALONE:
                if after + 2 > len(self._buffer):
                    break
                after += int.from_bytes(self._buffer[after : after + 2], "big")
            if after > len(self._buffer):
                break
            self._position = after
        else:
            self._position = max(self._position, len(self._buffer) - 1)
        return 0

    def _lose(self, count: int) -> None:
        del self._buffer[:count]
        self._position = 0
