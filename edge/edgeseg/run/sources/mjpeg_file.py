"""Motion JPEG files: consecutive JPEG files, with or without an AVI container.

FFmpeg does not report damage in such files. This reader checks each frame like a photograph.
"""

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from edgeseg.errors import InvalidImageError
from edgeseg.imaging.file_headers import peek_header
from edgeseg.imaging.jpeg_markers import BEGINNING, MAX_FRAME_BYTES, JpegSplitter
from edgeseg.run.sources.stdin import split_stream
from edgeseg.system.regular_files import open_regular_file

_BLOCK_BYTES = 1 << 20
_MAX_HEADER_BYTES = 1 << 20
_MAX_FPS = 1000
_PROBED_FRAMES = 25  # number of frames to examine, because the first ones may be damaged
_SUFFIXES = frozenset({".mjpeg", ".mjpg"})
_MOVI = re.compile(rb"LIST....movi", re.DOTALL)
_STREAM = re.compile(rb"strh....(....)", re.DOTALL)
_LISTS = frozenset({b"LIST", b"RIFF"})
_SKIPPED = re.compile(rb"ix[0-9]{2}|[0-9]{2}(?:wb|tx|pc|ix)|idx1|JUNK|junk", re.DOTALL)
_FRAME = re.compile(rb"[0-9]{2}d[bc]....\xff\xd8\xff", re.DOTALL)


@dataclass
class MjpegFile:
    """Motion JPEG file.

    Attributes:
        path: file.
        fps: frames per second; None if unknown.
        total: number of frames; None if unknown.
        frames_start: offset of the first AVI chunk; None for a file without a container.
        stream: number of the video stream in the AVI file, as two digits.
        is_damaged: whether bytes between the frames were invalid. The value is final after the last
            frame.
    """

    path: Path
    fps: float | None = None
    total: int | None = None
    frames_start: int | None = None
    stream: bytes = b"00"
    is_damaged: bool = False

    def jpegs(self) -> Iterator[bytes]:
        """Yield the JPEG bytes of each frame, or b"" if the previous frame is repeated.

        Raises:
            OSError: The file cannot be read.
        """
        with open_regular_file(self.path) as file:
            if self.frames_start is None:
                splitter = JpegSplitter()
                blocks = iter(lambda: file.read(_BLOCK_BYTES), b"")
                yield from split_stream([], splitter, blocks)
                self.is_damaged = splitter.has_skipped_data
            else:
                yield from self._chunks(file, self.frames_start)

    def _chunks(self, file: BinaryIO, position: int) -> Iterator[bytes]:
        file_bytes = os.fstat(file.fileno()).st_size
        while position + 8 <= file_bytes:
            file.seek(position)
            name, size = struct.unpack("<4sI", file.read(8))
            end = position + 8 + size + size % 2
            is_frame = name in {self.stream + b"dc", self.stream + b"db"}
            if name in _LISTS:
                position += 12
            elif is_frame and size <= MAX_FRAME_BYTES:
                jpeg = file.read(size)
                following = _FRAME.search(jpeg)
                if following is not None or len(jpeg) < size:
                    self.is_damaged = True
                if following is not None:  # invalid size
                    jpeg = jpeg[: following.start()]
                    end = position + 8 + following.start()
                yield jpeg
                position = end
            elif _SKIPPED.fullmatch(name) and end <= file_bytes:
                position = end
            else:
                self.is_damaged = True
                position = _seek_frame(file, position + 1)


def open_mjpeg(path: Path) -> MjpegFile | None:
    """Return the frames of a Motion JPEG file, or None if it is another kind of video.

    Raises:
        OSError: The file cannot be read, or is not a regular file.
    """
    with open_regular_file(path) as file:
        beginning = file.read(_MAX_HEADER_BYTES)
    is_avi = beginning[:4] == b"RIFF" and beginning[8:12] == b"AVI "
    if beginning.startswith(BEGINNING) or (path.suffix.lower() in _SUFFIXES and not is_avi):
        return MjpegFile(path)
    if not is_avi:
        return None
    movi = _MOVI.search(beginning)
    if movi is None:
        return None
    video = _read_avi_header(path, beginning[: movi.start()], movi.end())
    for jpeg in islice(video.jpegs(), _PROBED_FRAMES):
        if jpeg.startswith(BEGINNING):
            video.is_damaged = False
            return None if _is_field(jpeg, beginning[: movi.start()]) else video
    return None


def _read_avi_header(path: Path, header: bytes, frames_start: int) -> MjpegFile:
    for number, match in enumerate(_STREAM.finditer(header)):
        if match[1] != b"vids" or match.start() + 44 > len(header):
            continue
        scale, rate, _, total = struct.unpack_from("<IIII", header, match.start() + 28)
        fps = rate / scale if scale else 0.0
        stated_fps = fps if 0 < fps <= _MAX_FPS else None
        return MjpegFile(path, stated_fps, total or None, frames_start, b"%02d" % number)
    return MjpegFile(path, None, None, frames_start)


def _is_field(jpeg: bytes, header: bytes) -> bool:
    """Return whether a frame consists of two interlaced JPEG images."""
    position = header.find(b"strf")
    if position < 0 or position + 20 > len(header):
        return False
    (height,) = struct.unpack_from("<i", header, position + 16)
    try:
        jpeg_header = peek_header(jpeg)
    except InvalidImageError:
        return False
    return jpeg_header is not None and abs(height) == 2 * jpeg_header.height


def _seek_frame(file: BinaryIO, position: int) -> int:
    """Return the offset of the next frame, or of the end of the file."""
    overlap = 11
    while True:
        file.seek(position)
        block = file.read(_BLOCK_BYTES)
        match = _FRAME.search(block)
        if match is not None:
            return position + match.start()
        if len(block) <= overlap:
            return position + len(block)
        position += len(block) - overlap
