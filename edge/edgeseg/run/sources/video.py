"""Video file as a source of frames."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.errors import DAMAGED, InvalidImageError, PhotoError
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.codec_warnings import silence_opencv
from edgeseg.imaging.size_limits import check_size
from edgeseg.run.frame import Frame, Payload
from edgeseg.run.inputs import Input
from edgeseg.run.inputs.names import numbered_stem
from edgeseg.run.sources.ffmpeg_errors import ffmpeg_errors
from edgeseg.run.sources.mjpeg_file import MjpegFile, open_mjpeg
from edgeseg.system.names import name_key
from edgeseg.system.signals import StopRequest

_DEFAULT_FPS = 25.0
# Share of the frames that may be missing. Only AVI and MP4 files contain their exact number.
_MISSING_SHARE = 0.02


class Capture(Protocol):
    """Methods of OpenCV's VideoCapture that this package calls."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802
    def read(self) -> tuple[bool, npt.NDArray[np.uint8] | None]: ...  # noqa: D102
    def get(self, propId: int) -> float: ...  # noqa: D102, N803
    def release(self) -> None: ...  # noqa: D102


def open_capture(source: str | int) -> Capture:
    """Open a video file or a camera. Messages from OpenCV and FFmpeg are suppressed.

    Args:
        source: path of a video file, or a camera's number, device file or URL.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    silence_opencv()
    return cv2.VideoCapture(source)  # type: ignore[return-value]  # its stubs promise an image


def convert_to_rgb(image: npt.NDArray[np.uint8], name: str) -> Photo:
    """Convert a captured image from BGR to RGB.

    Args:
        image: (H, W, 3) uint8 BGR.
        name: name of the source, for error messages.

    Raises:
        PhotoError: The image has another shape or dtype. Some drivers return such images.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise PhotoError(f"{name}: invalid image ({image.dtype} array of shape {image.shape})")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


class Video:
    """A video file.

    Motion JPEG is read with `mjpeg_file`, and other formats with FFmpeg.

    Args:
        path: file.
        name: name in messages.
        stem: prefix of the result names.
        photographs: photographs of the run. If a photograph has the stem of a frame, the stem of
            the frame gets a number.
    """

    live = False

    def __init__(self, path: Path, name: str, stem: str, photographs: Iterable[Input] = ()) -> None:
        self.path = path
        self.name = name
        self.stem = stem
        self._taken_stems = {name_key(photograph.stem) for photograph in photographs}
        self.total: int | None = None
        self.fps = _DEFAULT_FPS
        self._mjpeg: MjpegFile | None = None
        self._error: OSError | None = None
        try:
            self._mjpeg = open_mjpeg(path)
        except OSError as error:  # this error is reported when the frames are read
            self._error = error
            return
        if self._mjpeg is not None:
            self.total = self._mjpeg.total
            self.fps = self._mjpeg.fps or _DEFAULT_FPS
            return
        capture = open_capture(str(path))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        fps = capture.get(cv2.CAP_PROP_FPS)
        capture.release()
        self.total = count if 0 < count < 1 << 31 else None
        self.fps = fps if 0 < fps <= 1000 else _DEFAULT_FPS

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Yield every frame.

        Raises:
            PhotoError: The file cannot be read, frames are missing, or the decoder reported damage.
        """
        try:
            if self._error is not None:
                raise self._error
            if self._mjpeg is not None:
                yield from self._mjpeg_frames(self._mjpeg, stop)
            else:
                yield from self._decoded_frames(stop)
        except OSError as error:
            raise PhotoError(
                f"{self.name}: cannot be read ({error.strerror}). Check the name."
            ) from error

    def _mjpeg_frames(self, mjpeg: MjpegFile, stop: StopRequest) -> Iterator[Frame]:
        number = 0
        for jpeg in mjpeg.jpegs():
            if stop.asked:
                return
            number += 1
            if jpeg:
                yield self._frame(number, partial(bytes, jpeg))
        expected = mjpeg.total or 0
        if not number or number < expected:
            raise self._missing_frames(number, expected)
        if mjpeg.is_damaged:
            raise PhotoError(f"{self.name}: {DAMAGED}")

    def _decoded_frames(self, stop: StopRequest) -> Iterator[Frame]:
        number = 0
        first_damaged = 0
        errors = ffmpeg_errors()
        capture = open_capture(str(self.path))
        errors.install()
        errors_before = errors.count
        try:
            self._check(capture)
            expected = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            required = self._required_frames(expected)
            while not stop.asked:
                errors.expect_from_this_thread()
                success, image = capture.read()
                if not first_damaged and errors.count > errors_before:
                    first_damaged = number + 1
                if not success or image is None:
                    break
                number += 1
                yield self._frame(number, partial(convert_to_rgb, image, self.name))
        finally:
            capture.release()
        if stop.asked:
            return
        if not number or number < required:
            raise self._missing_frames(number, int(expected))
        if first_damaged:
            raise PhotoError(
                f"{self.name}: damaged at about frame {first_damaged}; this mask and the "
                "following masks may be wrong. Copy the video again from its source."
            )

    def _frame(self, number: int, load: Callable[[], Payload]) -> Frame:
        stem = numbered_stem(f"{self.stem}_{number:06}", self._taken_stems)
        return Frame(self.name, stem, load, number, position_s=(number - 1) / self.fps)

    def _required_frames(self, stated: float) -> float:
        """Return the minimum number of frames of a complete file."""
        with self.path.open("rb") as file:
            beginning = file.read(8)
        if beginning.startswith(b"RIFF") or beginning[4:] == b"ftyp":
            return stated
        return (1 - _MISSING_SHARE) * stated - 1

    def _missing_frames(self, number: int, expected: int) -> PhotoError:
        return PhotoError(
            f"{self.name}: damaged or truncated (only {number} of {expected} frames could be "
            "read). Copy the video again from its source."
        )

    def _check(self, capture: Capture) -> None:
        if not capture.isOpened():
            raise PhotoError(
                f"{self.name}: the video is damaged, or OpenCV does not support its format. "
                "Convert the video to MP4 or AVI."
            )
        width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        try:
            check_size(width, height)
        except InvalidImageError as error:
            raise PhotoError(f"{self.name}: {error}") from error
