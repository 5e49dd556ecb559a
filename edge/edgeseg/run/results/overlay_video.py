"""Overlay video of a stream. It is written to a temporary file and then renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from edgeseg.errors import PhotoError, SystemSetupError
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.codec_warnings import silence_opencv
from edgeseg.system.files import commit, temporary_beside, write_errors_named
from edgeseg.system.regular_files import open_regular_file

_CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
# Empty boxes at the end of the file, which players ignore. A video with this mark may be
# overwritten.
_MARKS = {".mp4": b"\0\0\0\x15freeedgeseg:video", ".avi": b"JUNK\x0e\0\0\0edgeseg:video\0"}
_MAX_MARK_BYTES = 32
_NOT_OVERWRITTEN = (
    "refusing to overwrite a file that edgeseg did not write. "
    "Move it or choose another folder with -o."
)
_MAX_SIDE = 4096  # pixels
_MAX_PAUSE_S = 10.0  # longer pauses of a live source are shortened to this duration
# Space for another frame and the index. A video without an index cannot be played.
_MIN_FREE_BYTES = 16 << 20


class OverlayVideo:
    """Video that is being written.

    Args:
        path: path of the finished video. The suffix depends on the formats that OpenCV can write.
        fps: frames per second.
        live: whether frames arrive at irregular times. In this case, each frame is shown until the
            next frame arrives.
        stack: exit stack that removes the temporary file after an error.
    """

    def __init__(self, path: Path, fps: float, live: bool, stack: ExitStack) -> None:
        self.path = path
        self.fps = fps
        self.live = live
        self.frames = 0
        self.writer: cv2.VideoWriter | None = None
        self.temporary = path
        self._file: BinaryIO | None = None
        self._stack = stack
        self._size = (0, 0)
        self._previous: datetime | None = None

    def write(self, frame: Photo, time: datetime) -> None:
        """Append a frame.

        Args:
            frame: (H, W, 3) uint8 RGB; resized to the size of the first frame.
            time: time at which the frame was received.

        Raises:
            SystemSetupError: The disk is almost full, and earlier frames are kept. No format can be
                written, or the video would overwrite a file that edgeseg did not write.
        """
        self.check_free_space()
        if self.writer is None:
            self.writer = self._open_writer(frame)
        if frame.shape[1::-1] != self._size:
            frame = np.asarray(
                cv2.resize(frame, self._size, interpolation=cv2.INTER_AREA), np.uint8
            )
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        for _ in range(self._count_copies(time)):
            self.writer.write(image)
            self.frames += 1

    def check_free_space(self) -> None:
        """Check that the disk has space for another frame.

        Raises:
            SystemSetupError: The disk is almost full.
        """
        with write_errors_named(self.path):
            free = shutil.disk_usage(self.path.parent).free
        if free < _MIN_FREE_BYTES:
            raise SystemSetupError(
                f"{self.path}: the disk is full. Free some space or choose another folder with -o."
            )

    def close(self) -> None:
        """Finish the video and rename the file. If no frame was written, no file is created.

        Raises:
            SystemSetupError: The video could not be written completely.
        """
        if self.writer is None or self._file is None:
            return
        self.writer.release()
        if not self._is_readable():
            self.temporary.unlink(missing_ok=True)
            raise SystemSetupError(
                f"{self.path}: the video could not be written completely and was deleted. "
                "Free some space, "
                "choose another folder with -o, or use --no-overlay."
            )
        with write_errors_named(self.path):
            with self.temporary.open("ab") as file:
                file.write(_MARKS[self.path.suffix])
            commit(self.temporary, self._file, self.path)

    def _count_copies(self, time: datetime) -> int:
        previous = self._previous
        self._previous = time
        if not self.live or previous is None:
            return 1
        return max(1, round(min((time - previous).total_seconds(), _MAX_PAUSE_S) * self.fps))

    def _open_writer(self, frame: Photo) -> cv2.VideoWriter:
        scale = min(1.0, _MAX_SIDE / max(frame.shape[:2]))
        # Most codecs require an even width and height.
        width, height = (max(2, int(side * scale) // 2 * 2) for side in frame.shape[1::-1])
        self._size = (width, height)
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        silence_opencv()
        for suffix, codec in _CODECS.items():
            path = self.path.with_suffix(suffix)
            if _is_foreign(path):
                raise SystemSetupError(f"{path}: {_NOT_OVERWRITTEN}")
            with write_errors_named(path):
                temporary, file = self._stack.enter_context(temporary_beside(path, suffix))
            writer = cv2.VideoWriter(
                str(temporary), cv2.VideoWriter.fourcc(*codec), self.fps, self._size
            )
            if writer.isOpened():
                self.path = path
                self.temporary = temporary
                self._file = file
                return writer
            temporary.unlink(missing_ok=True)  # OpenCV may already have deleted the file
        raise SystemSetupError(
            f"{self.path.parent}: the installed OpenCV cannot write videos. Use --no-overlay."
        )

    def _is_readable(self) -> bool:
        """Return whether the video is complete. OpenCV does not report failed writes."""
        reader = cv2.VideoCapture(str(self.temporary))
        count = reader.get(cv2.CAP_PROP_FRAME_COUNT)
        is_readable = reader.isOpened() and count >= self.frames and reader.grab()
        reader.release()
        return is_readable


def _is_foreign(path: Path) -> bool:
    """Return whether a file exists that is not a video of edgeseg."""
    if not path.exists():
        return False
    try:
        with open_regular_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _MAX_MARK_BYTES))
            return size > 0 and not file.read().endswith(_MARKS[path.suffix])
    except OSError:
        return True


@contextmanager
def open_overlay_video(folder: Path, stem: str, fps: float, live: bool) -> Iterator[OverlayVideo]:
    """Open the video `STEM_overlay.mp4` (or `.avi`). The video is completed even if the run fails.

    Args:
        folder: output folder.
        stem: prefix of the file name.
        fps: frames per second.
        live: whether frames arrive at irregular times; each frame is then shown until the next
            frame arrives.

    Raises:
        PhotoError: A file `STEM_overlay.mp4` exists that edgeseg did not write.
        SystemSetupError: The video cannot be written.
    """
    path = folder / f"{stem}_overlay.mp4"
    if _is_foreign(path):
        raise PhotoError(f"{path}: {_NOT_OVERWRITTEN}", "not_overwritten")
    with ExitStack() as stack:
        video = OverlayVideo(path, fps, live, stack)
        video.check_free_space()
        try:
            yield video
        finally:
            video.close()
