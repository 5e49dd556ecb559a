"""Video files: frames, times, and damage."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import PhotoError
from edgeseg.run.sources.video import Video
from edgeseg.system.signals import StopRequest


def write_video(file: Path, count: int) -> None:
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 12.0, (64, 48))
    if not writer.isOpened():
        pytest.skip("OpenCV cannot write Motion JPEG here")
    for number in range(count):
        writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    writer.release()


def test_video_yields_every_frame_with_number_and_position(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 24)
    video = Video(tmp_path / "clip.avi", "clip.avi", "clip")
    frames = list(video.frames(StopRequest()))
    assert video.total == 24
    assert video.fps == pytest.approx(12)
    assert [frame.number for frame in frames] == list(range(1, 25))
    assert frames[12].position_s == pytest.approx(1.0)
    assert frames[0].stem == "clip_000001"
    assert not any(frame.live for frame in frames)
    photo = frames[7].load()
    assert isinstance(photo, np.ndarray)
    assert photo.shape == (48, 64, 3)
    assert photo.mean() == pytest.approx(70, abs=3)


def test_video_ends_when_stopped(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 24)
    stop = StopRequest()
    frames = Video(tmp_path / "clip.avi", "clip.avi", "clip").frames(stop)
    assert next(frames).number == 1
    stop.ask()
    assert list(frames) == []


def test_video_fails_when_frames_are_missing(tmp_path: Path) -> None:
    file = tmp_path / "clip.avi"
    write_video(file, 24)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(PhotoError, match=r"clip\.avi"):
        list(Video(file, "clip.avi", "clip").frames(StopRequest()))


def test_video_fails_when_file_is_not_a_video(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"not a video")
    video = Video(tmp_path / "clip.mp4", "clip.mp4", "clip")
    assert video.total is None
    with pytest.raises(PhotoError, match=r"clip\.mp4"):
        list(video.frames(StopRequest()))
