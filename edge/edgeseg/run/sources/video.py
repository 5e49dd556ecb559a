"""A video file, every frame of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.errors import InvalidImageError, PhotoError
from edgeseg.imaging.codec_warnings import silence_opencv
from edgeseg.imaging.file_headers import check_size
from edgeseg.run.frame import Frame, Payload
from edgeseg.run.sources.frozen_frames import counted
from edgeseg.system.signals import StopRequest

_USUAL_FPS = 25.0
_MISSING = 0.02  # of the frames: containers without an index estimate their number


class Capture(Protocol):
    """What OpenCV's VideoCapture does for us."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802
    def read(self) -> tuple[bool, npt.NDArray[np.uint8] | None]: ...  # noqa: D102
    def get(self, propId: int) -> float: ...  # noqa: D102, N803
    def release(self) -> None: ...  # noqa: D102


def open_capture(what: str | int) -> Capture:
    """Open a video file or a camera, without what OpenCV and FFmpeg print while they try."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    silence_opencv()
    return cv2.VideoCapture(what)  # type: ignore[return-value]  # OpenCV's stubs promise an image where none comes


@dataclass(frozen=True)
class Video:
    """A video file.

    Attributes:
        path: The file.
        name: What messages call it.
        stem: What the names of its results begin with.
    """

    path: Path
    name: str
    stem: str
    live: bool = False

    @property
    def total(self) -> int | None:
        """How many frames the file says that it has."""
        count = int(self._property(cv2.CAP_PROP_FRAME_COUNT))
        return count if 0 < count < 1 << 31 else None

    @property
    def fps(self) -> float:
        """Frames a second, as the file says."""
        stated = self._property(cv2.CAP_PROP_FPS)
        return stated if 0 < stated <= 1000 else _USUAL_FPS

    def _property(self, number: int) -> float:
        capture = open_capture(str(self.path))
        try:
            return capture.get(number)
        finally:
            capture.release()

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Every frame.

        Raises:
            PhotographError: It cannot be read, or frames are missing at its end.
        """
        capture = open_capture(str(self.path))
        try:
            self._check(capture)
            fps, stated, number = self.fps, capture.get(cv2.CAP_PROP_FRAME_COUNT), 0
            for image, repeats in counted(_pictures(capture, stop)):
                if stop.asked:
                    break
                number += 1
                stem, position_s = f"{self.stem}_{number:06}", (number - 1) / fps
                yield Frame(self.name, stem, Picture(image), number, position_s, repeats=repeats)
        finally:
            capture.release()
        if not stop.asked and (not number or number < (1 - _MISSING) * stated - 1):
            raise PhotoError(
                f"{self.name}: {number} of {stated:.0f} frames could be read; the file is damaged or cut off"
            )

    def _check(self, capture: Capture) -> None:
        if not capture.isOpened():
            raise PhotoError(
                f"{self.name}: not a video that OpenCV reads, or cut off; save it as MP4 or AVI"
            )
        size = (
            int(capture.get(number))
            for number in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        try:
            check_size(*size)
        except InvalidImageError as error:
            raise PhotoError(f"{self.name}: {error}") from error


def _pictures(capture: Capture, stop: StopRequest) -> Iterator[tuple[npt.NDArray[np.uint8], str]]:
    """All pictures, each with the letter for how the codec made it."""
    while not stop.asked:
        came, image = capture.read()
        if not came or image is None:
            return
        yield image, chr(max(0, int(capture.get(cv2.CAP_PROP_FRAME_TYPE))))


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame as OpenCV captured it, (H, W, 3) uint8 BGR."""

    image: npt.NDArray[np.uint8]

    def __call__(self) -> Payload:
        """As RGB.

        Raises:
            PhotographError: It is no picture.
        """
        image = self.image
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise PhotoError(f"no picture: {image.shape} {image.dtype} came instead of one")
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
