"""Overlay video: it exists only if it was closed and contains a frame."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edgeseg.errors import EdgesegError, PhotoError, SystemSetupError
from edgeseg.run.results import overlay_video
from edgeseg.run.results.overlay_video import open_overlay_video
from edgeseg.system.files import remove_stale_temporaries

FRAME = np.full((48, 64, 3), 90, np.uint8)
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def count_frames(file: Path) -> int:
    return int(cv2.VideoCapture(str(file)).get(cv2.CAP_PROP_FRAME_COUNT))


class FailingWriter:
    """Replacement of OpenCV's writer that deletes the file, as for an unsupported format."""

    fourcc = staticmethod(cv2.VideoWriter.fourcc)

    def __init__(self, file: str, *arguments: object) -> None:
        Path(file).unlink()

    def isOpened(self) -> bool:  # noqa: N802
        return False


def test_overlay_video_appears_when_closed(tmp_path: Path) -> None:
    with open_overlay_video(tmp_path, "eye", 25.0, live=False) as video:
        for _ in range(5):
            video.write(FRAME, START)
        remove_stale_temporaries(tmp_path)  # as if another run wrote it
        (temporary,) = tmp_path.iterdir()
        assert temporary.name.startswith(".edgeseg-")
    assert [file.name for file in tmp_path.iterdir()] == [video.path.name]
    assert video.path.name in {"eye_overlay.mp4", "eye_overlay.avi"}
    assert count_frames(video.path) == 5


@pytest.mark.parametrize(("suffix", "error"), [(".mp4", PhotoError), (".avi", SystemSetupError)])
def test_overlay_video_replaces_only_own_video(
    suffix: str, error: type[EdgesegError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay_video, "_CODECS", {suffix: overlay_video._CODECS[suffix]})
    for count in (2, 3):
        with open_overlay_video(tmp_path, "eye", 25.0, live=False) as video:
            for _ in range(count):
                video.write(FRAME, START)
        assert count_frames(video.path) == count
    foreign = video.path.read_bytes()[:-1]
    video.path.write_bytes(foreign)
    with pytest.raises(error), open_overlay_video(tmp_path, "eye", 25.0, live=False) as video:
        video.write(FRAME, START)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [foreign]


def test_overlay_video_ignores_foreign_file_with_suffix_of_another_format(tmp_path: Path) -> None:
    foreign = tmp_path / "eye_overlay.avi"
    foreign.write_bytes(b"video of the user")
    with open_overlay_video(tmp_path, "eye", 25.0, live=False) as video:
        video.write(FRAME, START)
    assert video.path.name == "eye_overlay.mp4"
    assert foreign.read_bytes() == b"video of the user"


def test_overlay_video_without_frame_leaves_no_file(tmp_path: Path) -> None:
    with open_overlay_video(tmp_path, "eye", 25.0, live=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_overlay_video_is_kept_when_run_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        open_overlay_video(tmp_path, "eye", 25.0, live=False) as video,
    ):
        video.write(FRAME, START)
        raise ZeroDivisionError
    assert [file.name for file in tmp_path.iterdir()] == [video.path.name]
    assert count_frames(video.path) == 1


def test_overlay_video_is_kept_when_disk_becomes_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(SystemSetupError, match="disk is full"),
        open_overlay_video(tmp_path, "eye", 25.0, live=False) as video,
    ):
        for _ in range(3):
            video.write(FRAME, START)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
        video.write(FRAME, START)
    assert count_frames(video.path) == 3


def test_overlay_video_of_noise_keeps_space_for_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0)
    total = 18 << 20
    count = 0

    def disk_usage(folder: Path) -> SimpleNamespace:
        used = sum(file.stat().st_size for file in folder.iterdir())
        return SimpleNamespace(free=total - used)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    with (
        pytest.raises(SystemSetupError, match="disk is full"),
        open_overlay_video(tmp_path, "eye", 25.0, live=False) as video,
    ):
        while count < 20:
            video.write(noise.integers(0, 255, (480, 640, 3), np.uint8), START)
            count += 1
    assert 0 < count < 20
    assert count_frames(video.path) == count
    assert video.path.stat().st_size < total


def test_overlay_video_fails_at_once_when_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with (
        pytest.raises(SystemSetupError, match="disk is full"),
        open_overlay_video(tmp_path, "eye", 25.0, live=False),
    ):
        pytest.fail("the video was opened")
    assert list(tmp_path.iterdir()) == []


def test_overlay_video_fails_when_opencv_cannot_write_any_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "VideoWriter", FailingWriter)
    with (
        pytest.raises(SystemSetupError, match="--no-overlay"),
        open_overlay_video(tmp_path, "eye", 25.0, live=False) as video,
    ):
        video.write(FRAME, START)
    assert list(tmp_path.iterdir()) == []


def test_overlay_video_is_avi_when_opencv_cannot_write_mp4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opencv_writer = cv2.VideoWriter

    def create_writer(file: str, *arguments: object) -> object:
        writer = FailingWriter if file.endswith(".mp4") else opencv_writer
        return writer(file, *arguments)  # type: ignore[call-overload]

    create_writer.fourcc = opencv_writer.fourcc  # type: ignore[attr-defined]
    monkeypatch.setattr(cv2, "VideoWriter", create_writer)
    with open_overlay_video(tmp_path, "eye", 25.0, live=False) as video:
        video.write(FRAME, START)
    assert [file.name for file in tmp_path.iterdir()] == ["eye_overlay.avi"]
    assert count_frames(video.path) == 1


def test_live_overlay_video_shows_frame_until_next_arrived(tmp_path: Path) -> None:
    with open_overlay_video(tmp_path, "camera", 10.0, live=True) as video:
        for second in (0.0, 0.5, 0.51, 2.0):
            video.write(FRAME, START + timedelta(seconds=second))
    assert count_frames(video.path) == 1 + 5 + 1 + 15


def test_overlay_video_accepts_frames_of_several_and_odd_sizes(tmp_path: Path) -> None:
    with open_overlay_video(tmp_path, "eye", 25.0, live=False) as video:
        for shape in ((49, 65, 3), (20, 30, 3)):
            video.write(np.zeros(shape, np.uint8), START)
    assert count_frames(video.path) == 2


def test_overlay_video_is_deleted_when_it_cannot_be_read_back(tmp_path: Path) -> None:
    """OpenCV does not report failed writes, for example after a full disk."""
    with (
        pytest.raises(SystemSetupError, match="written completely"),
        open_overlay_video(tmp_path, "eye", 25.0, live=False) as video,
    ):
        for _ in range(3):
            video.write(FRAME, START)
        assert video.writer is not None
        video.writer.release()
        os.truncate(video.temporary, video.temporary.stat().st_size // 2)
    assert list(tmp_path.iterdir()) == []
