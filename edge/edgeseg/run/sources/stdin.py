"""Standard input: one photograph, or a stream of JPEGs (MJPEG) that does not end.

`rpicam-vid --codec mjpeg -o - ... | edgeseg run -`, or GStreamer's `jpegenc ! fdsink`. What is a JPEG followed by
another one is a stream; all else is a photograph.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from edgeseg.errors import InvalidImageError, PhotoError
from edgeseg.imaging.decoder import MAX_FILE_BYTES
from edgeseg.imaging.file_headers import peek_header
from edgeseg.imaging.jpeg_markers import BEGINNING, JpegSplitter
from edgeseg.run.frame import Frame, timestamp_now
from edgeseg.run.sources.camera import stamp
from edgeseg.system.signals import StopRequest

NAME, STEM = "standard input", "stdin"
_BLOCK = 1 << 18
_GZIP, _MULTI_PICTURE = b"\x1f\x8b", b"MPF\0"
_LOOK_S = 0.1
_FPS = 10.0


@dataclass(frozen=True)
class StdinMjpeg:
    """A stream of JPEGs whose beginning has been read.

    Attributes:
        jpegs: The JPEGs, whole or cut off.
        started: When the run began: no results of an earlier run are overwritten.
    """

    jpegs: Iterator[bytes]
    started: datetime
    name: str = NAME
    live: bool = False
    total: None = None
    fps: float = _FPS

    @property
    def stem(self) -> str:
        """What the name of its overlay video begins with."""
        return f"{STEM}_{stamp(self.started)}"

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Each JPEG."""
        for number, jpeg in enumerate(self.jpegs, 1):
            if stop.asked:
                return
            time = timestamp_now()
            yield Frame(NAME, f"{STEM}_{stamp(time)}_{number:06}", _Bytes(jpeg), number, time=time)


@dataclass(frozen=True)
class _Bytes:
    data: bytes

    def __call__(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class StdinPhotograph:
    """A photograph that came on standard input."""

    data: bytes
    name: str = NAME
    stem: str = STEM
    total: int = 1
    live: bool = False
    fps: None = None

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """That one."""
        if not stop.asked:
            yield Frame(NAME, STEM, _Bytes(self.data))


def standard_input(
    stop: StopRequest, started: datetime, stream: BinaryIO | None = None
) -> StdinMjpeg | StdinPhotograph:
    """Read as much as tells what comes.

    Raises:
        PhotographError: It is closed, or holds more bytes than a photograph has, and no stream.
    """
    if stream is None:
        if sys.stdin is None:
            raise PhotoError(f"{NAME}: is closed; name a photograph instead of -")
        stream = sys.stdin.buffer
    blocks, splitter = _blocks(stream, stop), JpegSplitter()
    beginning, jpegs = bytearray(), list[bytes]()
    for block in blocks:
        beginning += block
        if len(beginning) > MAX_FILE_BYTES or _is_photograph(bytes(beginning[:_BLOCK])):
            break
        jpegs += splitter.feed(block)
        if jpegs and (len(jpegs) > 1 or splitter.rest.startswith(BEGINNING)):
            return StdinMjpeg(_jpegs(jpegs, splitter, blocks), started)
    return StdinPhotograph(_whole(bytes(beginning), blocks))


def _is_photograph(beginning: bytes) -> bool:
    """Whether it surely is one photograph: no JPEG, or one that says that it brings its preview with it (MPF)."""
    if beginning.startswith(BEGINNING):
        return _MULTI_PICTURE in beginning
    try:
        return beginning.startswith(_GZIP) or peek_header(beginning) is not None
    except InvalidImageError:
        return False


def _jpegs(first: list[bytes], splitter: JpegSplitter, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    for block in blocks:
        yield from splitter.feed(block)
    if splitter.rest.startswith(BEGINNING):
        yield splitter.rest


def _whole(beginning: bytes, blocks: Iterator[bytes]) -> bytes:
    parts, size = [beginning], len(beginning)
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size > MAX_FILE_BYTES:
            raise PhotoError(
                f"{NAME}: more than {MAX_FILE_BYTES >> 20} MiB, too large for a photograph"
            )
    return b"".join(parts)


def _blocks(stream: BinaryIO, stop: StopRequest) -> Iterator[bytes]:
    """Blocks as they come, until the end of the stream or of the run."""
    read = _reader(stream, stop)
    while not stop.asked and (block := read()):
        yield block


def _reader(stream: BinaryIO, stop: StopRequest) -> Callable[[], bytes]:
    try:
        handle = stream.fileno()
    except (OSError, io.UnsupportedOperation):  # not a file of the system: a test's
        return lambda: stream.read(_BLOCK)

    def read() -> bytes:
        while not stop.asked:  # a plain read would sleep through SIGTERM
            if select.select([handle], [], [], _LOOK_S)[0]:
                return os.read(handle, _BLOCK)
        return b""

    return read
