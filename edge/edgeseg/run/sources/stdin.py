"""Standard input: one photograph, or a Motion JPEG stream.

A JPEG that is followed by another JPEG is a stream. All other data is a photograph. `rpicam-vid
--codec mjpeg -o -` and GStreamer's `jpegenc ! fdsink` produce such a stream.
"""

import io
import os
import select
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import BinaryIO

from edgeseg.errors import InvalidImageError, PhotoError
from edgeseg.imaging.decoder import MAX_FILE_BYTES
from edgeseg.imaging.file_headers import peek_header
from edgeseg.imaging.file_signatures import is_dicom
from edgeseg.imaging.gzip_files import GZIP_SIGNATURE
from edgeseg.imaging.jpeg_markers import BEGINNING, JpegSplitter
from edgeseg.run.frame import LIVE_FPS, Frame, SingleUsePayload, live_frame, timestamp_text
from edgeseg.run.inputs import STDIN_NAME, STDIN_STEM
from edgeseg.run.sources.pages import split_pages
from edgeseg.system.signals import StopRequest

_BLOCK_BYTES = 1 << 18
_MULTI_PICTURE = b"MPF\0"
_POLL_S = 0.1


@dataclass
class StdinPhotograph:
    """Photograph from standard input. Its frames can be read only once.

    Attributes:
        data: bytes of the file.
    """

    data: bytes
    name: str = STDIN_NAME
    stem: str = STDIN_STEM
    total: int = 1
    live: bool = False
    fps: None = None

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Yield the photograph."""
        if not stop.asked:
            load = SingleUsePayload(self.data).take
            self.data = b""  # the pages keep the data in memory as long as necessary
            yield from split_pages(Frame(STDIN_NAME, STDIN_STEM, load))


@dataclass(frozen=True)
class StdinMjpeg:
    """Motion JPEG stream whose first bytes have been read.

    Attributes:
        jpegs: JPEG files. A truncated file becomes a frame that cannot be loaded.
        started: start of the run, which is part of the overlay video's name.
    """

    jpegs: Iterator[bytes]
    started: datetime
    name: str = STDIN_NAME
    live: bool = False
    total: None = None
    fps: float = LIVE_FPS

    @property
    def stem(self) -> str:
        """Prefix of the overlay video's file name."""
        return f"{STDIN_STEM}_{timestamp_text(self.started)}"

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Yield one frame per JPEG file."""
        for number, jpeg in enumerate(self.jpegs, 1):
            if stop.asked:
                return
            yield live_frame(STDIN_NAME, STDIN_STEM, partial(bytes, jpeg), number)


def split_stream(
    first: list[bytes], splitter: JpegSplitter, blocks: Iterator[bytes]
) -> Iterator[bytes]:
    """Yield the JPEG files of a stream.

    Args:
        first: JPEG files that the splitter has already returned.
        splitter: splitter that has read the beginning of the stream.
        blocks: rest of the stream.
    """
    yield from first
    for block in blocks:
        yield from splitter.feed(block)
    if splitter.rest.startswith(BEGINNING):
        yield splitter.rest  # truncated


def open_stdin(stop: StopRequest, started: datetime) -> StdinMjpeg | StdinPhotograph:
    """Read the beginning of standard input and return the source.

    Args:
        stop: stop request. It also ends the wait for input.
        started: start of the run.

    Raises:
        PhotoError: Standard input is closed, or contains a photograph that is too large.
    """
    if sys.stdin is None:
        raise PhotoError(
            f"{STDIN_NAME}: standard input is closed. Specify a photograph instead of -.",
            "unreadable",
        )
    blocks = _read_blocks(sys.stdin.buffer, stop)
    splitter = JpegSplitter()
    beginning = bytearray()
    jpegs: list[bytes] = []
    for block in blocks:
        beginning += block
        if len(beginning) > MAX_FILE_BYTES or _is_photograph(bytes(beginning[:_BLOCK_BYTES])):
            break
        jpegs += splitter.feed(block)
        if jpegs and (len(jpegs) > 1 or splitter.rest.startswith(BEGINNING)):
            return StdinMjpeg(split_stream(jpegs, splitter, blocks), started)
    return StdinPhotograph(_read_rest(beginning, blocks))


def _is_photograph(beginning: bytes) -> bool:
    """Return whether the first bytes belong to a photograph instead of a stream.

    A JPEG may be the first frame of a stream, unless it contains a preview (MPF).
    """
    if beginning.startswith(BEGINNING):
        return _MULTI_PICTURE in beginning
    if is_dicom(beginning):
        return True
    try:
        return beginning.startswith(GZIP_SIGNATURE) or peek_header(beginning) is not None
    except InvalidImageError:
        return False


def _read_rest(data: bytearray, blocks: Iterator[bytes]) -> bytes:
    for block in blocks:
        data += block
        if len(data) > MAX_FILE_BYTES:
            raise PhotoError(
                f"{STDIN_NAME}: larger than {MAX_FILE_BYTES >> 20} MiB. Use a smaller photograph.",
                code="too_large",
            )
    return bytes(data)


def _read_blocks(stream: BinaryIO, stop: StopRequest) -> Iterator[bytes]:
    """Yield blocks of bytes until the end of the data or a stop request."""
    try:
        descriptor = stream.fileno()
    except (OSError, io.UnsupportedOperation):  # in tests, the stream is in memory
        yield from iter(partial(stream.read, _BLOCK_BYTES), b"")
        return
    while not stop.asked:
        # A blocking read would not return on SIGTERM.
        if select.select([descriptor], [], [], _POLL_S)[0]:
            block = os.read(descriptor, _BLOCK_BYTES)
            if not block:
                return
            yield block
