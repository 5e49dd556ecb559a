"""Cameras that disconnect, reconnect, or return invalid images."""

from __future__ import annotations

from itertools import islice

import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.errors import PhotoError
from edgeseg.run.frame import timestamp_now
from edgeseg.run.sources.camera import Camera
from edgeseg.system.signals import StopRequest

EYE = np.full((48, 64, 3), 90, np.uint8)
Image = npt.NDArray[np.uint8] | None


class FakeCapture:
    """Capture that returns the given images. None is a failed read."""

    def __init__(self, images: list[Image]) -> None:
        self.images = list(images)
        self.is_open = bool(images)
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802
        return self.is_open

    def read(self) -> tuple[bool, Image]:
        image = self.images.pop(0) if self.images else None
        return image is not None, image

    def get(self, propId: int) -> float:  # noqa: N803
        return 0.0

    def release(self) -> None:
        self.released = True


class FakeDevice:
    """Device that returns the next list of images each time it is opened. An empty list fails."""

    def __init__(self, sessions: list[list[Image]]) -> None:
        self.sessions = list(sessions)
        self.captures: list[FakeCapture] = []

    def open(self, source: str | int) -> FakeCapture:
        self.captures.append(FakeCapture(self.sessions.pop(0) if self.sessions else []))
        return self.captures[-1]


def open_camera(device: FakeDevice, messages: list[str]) -> Camera:
    return Camera("0", messages.append, timestamp_now(), device.open, retry_s=0.0, patience=3)


def test_camera_resumes_after_disconnection() -> None:
    device = FakeDevice([[EYE] * 3, *[[]] * 50, [None, EYE, None, None, EYE]])
    messages: list[str] = []
    stop = StopRequest()
    frames = open_camera(device, messages).frames(stop)
    assert [next(frames).number for _ in range(5)] == [1, 2, 3, 4, 5]
    stop.ask()
    assert list(frames) == []
    assert len(messages) == 2
    assert "disconnected" in messages[0]
    assert "available" in messages[1]
    assert len(device.captures) == 52
    assert all(capture.released for capture in device.captures)


def test_camera_reports_repeated_disconnections_once() -> None:
    device = FakeDevice([[EYE] for _ in range(20)])
    messages: list[str] = []
    frames = islice(open_camera(device, messages).frames(StopRequest()), 20)
    assert [frame.number for frame in frames] == list(range(1, 21))
    assert len(messages) == 2
    assert "disconnected" in messages[0]
    assert "available" in messages[1]


def test_camera_waits_when_it_cannot_be_opened() -> None:
    device = FakeDevice([[], [], [EYE]])
    messages: list[str] = []
    assert next(open_camera(device, messages).frames(StopRequest())).number == 1
    assert "cannot be opened" in messages[0]


def test_camera_frame_fails_to_load_when_image_is_invalid() -> None:
    device = FakeDevice([[np.zeros((2, 2), np.uint8), np.zeros((0, 0, 3), np.uint8), EYE]])
    first, second, third = islice(open_camera(device, []).frames(StopRequest()), 3)
    for invalid in (first, second):
        with pytest.raises(PhotoError):
            invalid.load()
    assert isinstance(third.load(), np.ndarray)


def test_camera_frame_is_live_and_rgb() -> None:
    blue = np.zeros((4, 4, 3), np.uint8)
    blue[:, :, 0] = 200
    frame = next(open_camera(FakeDevice([[blue]]), []).frames(StopRequest()))
    photo = frame.load()
    assert frame.live
    assert isinstance(photo, np.ndarray)
    assert photo[0, 0].tolist() == [0, 0, 200]


@pytest.mark.parametrize(
    ("device", "stem"), [("0", "camera0"), ("/dev/video_2", "camera-dev-video-2")]
)
def test_camera_stem_is_valid_file_name(device: str, stem: str) -> None:
    assert Camera(device, print, timestamp_now()).stem.startswith(f"{stem}_2")
