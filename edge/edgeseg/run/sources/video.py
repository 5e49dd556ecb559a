"""Video file."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.errors import InvalidImageError, PhotoError
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.codec_warnings import silence_opencv
from edgeseg.imaging.file_headers import check_size
from edgeseg.run.frame import Frame
from edgeseg.system.signals import StopRequest

_DEFAULT_FPS = 25.0
_MISSING_SHARE = 0.02  # of the frames: containers without an index estimate their number


class Capture(Protocol):
    """The methods of OpenCV's VideoCapture that are used here."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802
    def read(self) -> tuple[bool, npt.NDArray[np.uint8] | None]: ...  # noqa: D102
    def get(self, propId: int) -> float: ...  # noqa: D102, N803
    def release(self) -> None: ...  # noqa: D102


def open_capture(source: str | int) -> Capture:
    """Open a video file or a camera without messages from OpenCV and FFmpeg.

    Args:
        source: path of a video file, or a camera's number or device file.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    silence_opencv()
    return cv2.VideoCapture(source)  # type: ignore[return-value]  # its stubs promise an image


def convert_to_rgb(image: npt.NDArray[np.uint8], name: str) -> Photo:
    """Convert a captured image from BGR to RGB.

    Args:
        image: (H, W, 3) uint8 BGR.
        name: name of its source, for the message.

    Raises:
        PhotoError: The image has another shape or dtype, as some drivers return.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise PhotoError(f"{name}: invalid image ({image.dtype} array of shape {image.shape})")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


class Video:
    """A video file.

    Args:
        path: file.
        name: name in messages.
        stem: prefix of its result names.
    """

    live = False

    def __init__(self, path: Path, name: str, stem: str) -> None:
        self.path = path
        self.name = name
        self.stem = stem
        capture = open_capture(str(path))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        fps = capture.get(cv2.CAP_PROP_FPS)
        capture.release()
        self.total = count if 0 < count < 1 << 31 else None
        self.fps = fps if 0 < fps <= 1000 else _DEFAULT_FPS

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Yield every frame.

        Raises:
            PhotoError: The file cannot be read, or frames are missing at its end.
        """
        number = 0
        capture = open_capture(str(self.path))
        try:
            self._check(capture)
            expected = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            while not stop.asked:
                success, image = capture.read()
                if not success or image is None:
                    break
                number += 1
                stem = f"{self.stem}_{number:06}"
                load = partial(convert_to_rgb, image, self.name)
                yield Frame(self.name, stem, load, number, position_s=(number - 1) / self.fps)
        finally:
            capture.release()
        if not stop.asked and (not number or number < (1 - _MISSING_SHARE) * expected - 1):
            raise PhotoError(
                f"{self.name}: damaged or truncated (only {number} of {expected:.0f} frames "
                "could be read)"
            )

    def _check(self, capture: Capture) -> None:
        if not capture.isOpened():
            raise PhotoError(
                f"{self.name}: damaged, or not a video format that OpenCV reads. "
                "Convert it to MP4 or AVI."
            )
        width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        try:
            check_size(width, height)
        except InvalidImageError as error:
            raise PhotoError(f"{self.name}: {error}") from error
