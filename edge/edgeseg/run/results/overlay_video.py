"""The overlay video of a stream: under a temporary name while it is written, moved into place when it is closed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from edgeseg.errors import SystemSetupError
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.codec_warnings import silence_opencv
from edgeseg.run.inputs import OVERLAY_VIDEO_SUFFIXES
from edgeseg.system.files import commit, temporary_beside, write_errors_named

_CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
_LARGEST = 4096  # pixels of a side
_LONGEST_PAUSE_S = 10.0  # that a live source's video shows as it was
_SPARE_SHARE, _MOST_SHARE, _SPARE_BYTES = 0.1, 0.25, 16 << 20  # of the disk, and at most
_INDEX_BYTES = (
    64 << 10
)  # without which a video is lost; beside a frame of noise, which takes a byte a pixel


@dataclass
class OverlayVideo:
    """A video that is being written.

    Attributes:
        path: Where it will be, when it is closed.
        temporary: Where it is meanwhile.
        fps: Frames a second.
        live: Whether frames come when they come: each is then shown until the next one came.
    """

    path: Path
    temporary: Path
    fps: float
    live: bool
    writer: cv2.VideoWriter | None = None
    frames: int = 0
    _size: tuple[int, int] = (0, 0)
    _last: datetime | None = None

    def write(self, picture: Photo, time: datetime) -> None:
        """Add a picture (H, W, 3) uint8 RGB; one of another size than the first is brought to that.

        Raises:
            SurroundingsError: The disk is nearly full; what was written so far is kept, if it can be closed.
        """
        self.check_room()
        if self.writer is None:
            self._open(picture)
        assert self.writer is not None
        if picture.shape[1::-1] != self._size:
            picture = np.asarray(
                cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA), np.uint8
            )
        image = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        for _ in range(self._times(time)):
            self.writer.write(image)
            self.frames += 1

    def _times(self, time: datetime) -> int:
        last, self._last = self._last, time
        if not self.live or last is None:
            return 1
        return max(1, round(min((time - last).total_seconds(), _LONGEST_PAUSE_S) * self.fps))

    def check_room(self) -> None:
        """Look, before anything is written, whether room is left for one more frame and the video's index.

        Raises:
            SurroundingsError: The disk is nearly full.
        """
        with write_errors_named(self.path):
            disk = shutil.disk_usage(self.path.parent)
        one_more = max(disk.total * _SPARE_SHARE, self._size[0] * self._size[1] + _INDEX_BYTES)
        if disk.free < min(_SPARE_BYTES, disk.total * _MOST_SHARE, one_more):
            raise SystemSetupError(f"{self.path}: the disk is full; free some space")

    def _open(self, picture: Photo) -> None:
        scale = min(1.0, _LARGEST / max(picture.shape[:2]))
        # Even, as most codecs want it.
        width, height = (max(2, int(side * scale) // 2 * 2) for side in picture.shape[1::-1])
        self._size = width, height
        self.writer = _writer(self.temporary, self.fps, self._size)
        if self.writer is None:
            raise SystemSetupError(
                f"{self.path}: OpenCV cannot write this video here; give --no-overlay"
            )


def _writer(file: Path, fps: float, size: tuple[int, int]) -> cv2.VideoWriter | None:
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    silence_opencv()
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*_CODECS[file.suffix]), fps, size)
    return writer if writer.isOpened() else None


def _suffix(folder: Path) -> str:
    """The first kind of video that OpenCV can write here."""
    for suffix in OVERLAY_VIDEO_SUFFIXES:
        with (
            write_errors_named(folder),
            temporary_beside(folder / "probe", suffix) as (temporary, _),
        ):
            writer = _writer(temporary, 10.0, (64, 64))
            if writer is not None:
                writer.release()
            temporary.unlink(missing_ok=True)  # OpenCV removes what it could not begin
        if writer is not None:
            return suffix
    raise SystemSetupError("OpenCV can write no video here; give --no-overlay")


@contextmanager
def overlay_video(folder: Path, stem: str, fps: float, live: bool) -> Iterator[OverlayVideo]:
    """A video `STEM_overlay.mp4` (or `.avi`) in a folder, closed properly and moved into place whatever ends the run.

    Raises:
        SurroundingsError: It cannot be written.
    """
    OverlayVideo(folder / f"{stem}_overlay", folder, fps, live).check_room()
    suffix = _suffix(folder)
    path = folder / f"{stem}_overlay{suffix}"
    with ExitStack() as stack:
        with write_errors_named(path):
            temporary, file = stack.enter_context(temporary_beside(path, suffix))
        video = OverlayVideo(path, temporary, fps, live)
        try:
            yield video
        finally:
            with write_errors_named(path):
                _close(video, file)


def _close(video: OverlayVideo, file: BinaryIO) -> None:
    if video.writer is None:  # There was no frame.
        video.temporary.unlink(missing_ok=True)
        return
    video.writer.release()
    if not _is_whole(video):
        video.temporary.unlink(missing_ok=True)
        raise SystemSetupError(
            f"{video.path}: could not be written whole and is not kept; is the disk full? free some space, "
            "choose another folder with -o, or give --no-overlay"
        )
    commit(video.temporary, file, video.path)


def _is_whole(video: OverlayVideo) -> bool:
    """Whether it can be read back: OpenCV does not tell of what it could not write."""
    reader = cv2.VideoCapture(str(video.temporary))
    try:
        return (
            reader.isOpened()
            and reader.get(cv2.CAP_PROP_FRAME_COUNT) >= video.frames
            and reader.grab()
        )
    finally:
        reader.release()
