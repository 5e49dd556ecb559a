"""Input of a run."""

import sys
from pathlib import Path
from typing import NamedTuple

from edgeseg.imaging.file_signatures import SIGNATURE_BYTES, recognize_file
from edgeseg.imaging.photo import read_photo_bytes, read_photo_stream
from edgeseg.imaging.required_memory import estimate_file
from edgeseg.system.regular_files import open_regular_file

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm",
    ".mpg", ".mpeg", ".wmv", ".ts", ".mts", ".m2ts", ".3gp", ".h264", ".264", ".mjpeg", ".mjpg",
)  # fmt: skip
"""Suffixes of video files, in lower case."""

_MJPEG_SUFFIXES = (".mjpeg", ".mjpg")  # the content begins with the signature of a JPEG photograph

STDIN_NAME = "standard input"  # in messages
STDIN_STEM = "stdin"  # prefix of the result names


class Input(NamedTuple):
    """Photograph or video to segment.

    Attributes:
        name: name in messages.
        stem: prefix of the result names, including the sub-folder of the output folder.
        path: file; None for standard input.
    """

    name: str
    stem: str
    path: Path | None

    @property
    def is_video(self) -> bool:
        """True if the content is a video. If the content is unknown, the suffix decides."""
        return self.path is not None and _is_video(self.path)

    def read_bytes(self) -> bytes:
        """Read the whole file without decoding it. Standard input can be read only once.

        Raises:
            PhotoError: The file cannot be read, or is too large for a photograph.
        """
        if self.path is None:
            return read_photo_stream(sys.stdin.buffer, self.name)
        return read_photo_bytes(self.path)

    def estimate_memory(self) -> int:
        """Estimate the bytes that are required to process the photograph; 0 if unknown."""
        return 0 if self.path is None else estimate_file(self.path)


def is_video_name(path: Path) -> bool:
    """Return whether a file name has the suffix of a video, ignoring case."""
    return path.name.lower().endswith(VIDEO_SUFFIXES)


def _is_video(path: Path) -> bool:
    try:
        with open_regular_file(path) as file:
            kind = recognize_file(file.read(SIGNATURE_BYTES)).kind
    except OSError:  # this error is reported when the file is read
        kind = "unknown"
    if kind == "unknown" or path.name.lower().endswith(_MJPEG_SUFFIXES):
        return is_video_name(path)
    return kind == "video"


def path_text(path: Path) -> str:
    """Return a path as valid text, with question marks for bytes that are not UTF-8."""
    return str(path).encode("utf-8", "replace").decode("utf-8")
