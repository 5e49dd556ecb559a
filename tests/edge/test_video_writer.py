"""The overlay video is there whole, under its name, once it is closed; not before, and not without a frame."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import edgeseg.run.results.overlay_video as video_module
from edgeseg.errors import SystemSetupError
from edgeseg.run.results.overlay_video import overlay_video
from edgeseg.system.files import remove_stale_temporaries

PICTURE = np.full((48, 64, 3), 90, np.uint8)
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def frames_of(file: Path) -> int:
    return int(cv2.VideoCapture(str(file)).get(cv2.CAP_PROP_FRAME_COUNT))


def test_it_appears_when_it_is_closed_and_no_other_run_removes_it_before(tmp_path: Path) -> None:
    with overlay_video(tmp_path, "eye", 25.0, live=False) as video:
        for _ in range(5):
            video.write(PICTURE, START)
        remove_stale_temporaries(tmp_path)
        (temporary,) = tmp_path.iterdir()
        assert temporary.name.startswith(".edgeseg-")
    assert [file.name for file in tmp_path.iterdir()] == [video.path.name]
    assert frames_of(video.path) == 5


def test_without_a_frame_there_is_none(tmp_path: Path) -> None:
    with overlay_video(tmp_path, "eye", 25.0, live=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_error_keeps_what_was_written(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        overlay_video(tmp_path, "eye", 25.0, live=False) as video,
    ):
        video.write(PICTURE, START)
        raise ZeroDivisionError
    assert [file.name for file in tmp_path.iterdir()] == [video.path.name]
    assert frames_of(video.path) == 1


def test_a_full_disk_is_noticed_while_there_is_room_to_close_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(SystemSetupError, match="disk is full"),
        overlay_video(tmp_path, "eye", 25.0, False) as video,
    ):
        for _ in range(3):
            video.write(PICTURE, START)
        monkeypatch.setattr(
            shutil, "disk_usage", lambda path: SimpleNamespace(free=1000, total=1 << 30)
        )
        video.write(PICTURE, START)
    assert frames_of(video.path) == 3


def test_a_frame_that_compresses_badly_leaves_room_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame of noise takes a third of its bytes: more than a tenth of a small disk."""
    chance, total, kept = np.random.default_rng(0), 2 << 20, 0

    def disk_usage(folder: Path) -> SimpleNamespace:
        used = sum(file.stat().st_size for file in folder.iterdir())
        return SimpleNamespace(free=total - used, total=total)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    with (
        pytest.raises(SystemSetupError, match="disk is full"),
        overlay_video(tmp_path, "eye", 25.0, False) as video,
    ):
        while kept < 20:
            video.write(chance.integers(0, 255, (480, 640, 3), np.uint8), START)
            kept += 1
    assert 0 < kept < 20 and frames_of(video.path) == kept
    assert video.path.stat().st_size < total


@pytest.mark.parametrize(("free", "message"), [(1000, "disk is full"), (1 << 30, "no video here")])
def test_a_video_that_cannot_be_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, message: str
) -> None:
    def cannot(file: Path, fps: float, size: tuple[int, int]) -> None:
        file.unlink()  # as OpenCV does

    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: SimpleNamespace(free=free, total=1 << 30)
    )
    monkeypatch.setattr(video_module, "_writer", cannot)
    with (
        pytest.raises(SystemSetupError, match=message),
        overlay_video(tmp_path, "eye", 25.0, live=False),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_live_video_shows_each_picture_until_the_next_came(tmp_path: Path) -> None:
    with overlay_video(tmp_path, "camera", 10.0, live=True) as video:
        for second in (0.0, 0.5, 0.51, 2.0):
            video.write(PICTURE, START + timedelta(seconds=second))
    assert frames_of(video.path) == 1 + 5 + 1 + 15


def test_pictures_of_another_size_and_of_odd_sizes(tmp_path: Path) -> None:
    with overlay_video(tmp_path, "eye", 25.0, live=False) as video:
        for shape in ((49, 65, 3), (20, 30, 3)):
            video.write(np.zeros(shape, np.uint8), START)
    assert frames_of(video.path) == 2


def test_what_cannot_be_read_back_is_an_error_and_goes(tmp_path: Path) -> None:
    """As after a full disk: OpenCV writes what it can, and does not tell."""
    with (
        pytest.raises(SystemSetupError, match="written whole"),
        overlay_video(tmp_path, "eye", 25.0, False) as video,
    ):
        for _ in range(3):
            video.write(PICTURE, START)
        assert video.writer is not None
        video.writer.release()
        os.truncate(video.temporary, video.temporary.stat().st_size // 2)
    assert list(tmp_path.iterdir()) == []
