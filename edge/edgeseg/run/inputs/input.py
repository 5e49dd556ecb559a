"""One input of a run."""

import sys
from pathlib import Path
from typing import NamedTuple

from edgeseg.imaging.file_signatures import SIGNATURE_BYTES, recognize_file
from edgeseg.imaging.photo import read_photo_bytes, read_photo_stream
from edgeseg.system.regular_files import open_regular_file

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm",
    ".mpg", ".mpeg", ".wmv", ".ts", ".mts", ".m2ts", ".3gp", ".h264", ".264", ".mjpeg", ".mjpg",
)  # fmt: skip
"""Suffixes of video files, in lower case."""

_MJPEG_SUFFIXES = (".mjpeg", ".mjpg")  # their content begins like a JPEG photograph

STDIN_NAME = "standard input"  # in messages
STDIN_STEM = "stdin"  # prefix of its result names


class Input(NamedTuple):
    """A photograph or a video to segment.

    Attributes:
        name: name in messages.
        stem: prefix of its result names, with the sub-folder of the output folder.
        path: file; None for standard input.
    """

    name: str
    stem: str
    path: Path | None

    @property
    def is_video(self) -> bool:
        """True if the file is a video by its content, or by its suffix if that is unknown."""
        return self.path is not None and _is_video(self.path)

    def read_bytes(self) -> bytes:
        """Read the whole file, without decoding it. Standard input can be read once.

        Raises:
            PhotoError: It cannot be read, or is too large for a photograph.
        """
        if self.path is None:
            return read_photo_stream(sys.stdin.buffer, self.name)
        return read_photo_bytes(self.path)


def is_video_name(path: Path) -> bool:
    """Return whether a file name has the suffix of a video, in upper or lower case."""
    return path.name.lower().endswith(VIDEO_SUFFIXES)


def _is_video(path: Path) -> bool:
    try:
        with open_regular_file(path) as file:
            kind = recognize_file(file.read(SIGNATURE_BYTES)).kind
    except OSError:  # reported when the file is read
        kind = "unknown"
    if kind == "unknown" or path.name.lower().endswith(_MJPEG_SUFFIXES):
        return is_video_name(path)
    return kind == "video"


def path_text(path: Path) -> str:
    """Return a path as valid text: bytes of its name that are not UTF-8 become question marks."""
    return str(path).encode("utf-8", "replace").decode("utf-8")
