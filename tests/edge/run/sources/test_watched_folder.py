"""Watched folder: it yields photographs after they are completely written."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from edgeseg.imaging.encoder import encode_png
from edgeseg.run.sources.watched_folder import WatchedFolder
from edgeseg.system.signals import StopRequest

EYE = np.full((48, 64, 3), 90, np.uint8)
JPEG = bytes(cv2.imencode(".jpg", EYE)[1])


class StopAfter(StopRequest):
    """Stop request that is set after a number of polls."""

    def __init__(self, polls: int) -> None:
        super().__init__()
        self.polls = polls

    def pause(self, seconds: float) -> None:
        self.polls -= 1
        if not self.polls:
            self.ask()


def watch_folder(
    folder: Path, messages: list[str], patience_s: float = 30.0, recursive: bool = False
) -> WatchedFolder:
    return WatchedFolder(
        folder, messages.append, recursive=recursive, poll_s=0.01, patience_s=patience_s
    )


def run_steps(stop: StopRequest, *steps: Callable[[], object]) -> None:
    """Run the steps with several polls after each step, then stop."""
    for step in steps:
        StopRequest().pause(0.15)
        step()
    StopRequest().pause(0.15)
    stop.ask()


def watch_during_steps(
    folder: Path,
    *steps: Callable[[], object],
    patience_s: float = 30.0,
    recursive: bool = False,
) -> list[str]:
    """Return the names of the frames, then the messages."""
    stop = StopRequest()
    messages: list[str] = []
    thread = threading.Thread(target=run_steps, args=(stop, *steps))
    thread.start()
    frames = watch_folder(folder, messages, patience_s, recursive).frames(stop)
    names = [Path(frame.name).name for frame in frames if frame is not None]
    thread.join()
    return [*names, *messages]


def test_watched_folder_waits_for_incomplete_files(tmp_path: Path) -> None:
    files = {
        "a.png": encode_png(EYE),
        "b.jpg": JPEG,
        "c.png.gz": gzip.compress(encode_png(EYE)),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data[: len(data) // 2])
    assert watch_during_steps(tmp_path) == []
    steps = [partial((tmp_path / name).write_bytes, data) for name, data in files.items()]
    assert watch_during_steps(tmp_path, *steps) == list(files)


def test_watched_folder_yields_incomplete_file_once_after_patience(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(EYE)[:-20])
    assert watch_during_steps(tmp_path, patience_s=0.05) == ["a.png"]


def test_watched_folder_skips_results_and_hidden_files(tmp_path: Path) -> None:
    for name in ("a.png", "a_vessels.png", ".b.png"):
        (tmp_path / name).write_bytes(encode_png(EYE))
    assert watch_during_steps(tmp_path) == ["a.png"]


def test_watched_folder_yields_only_changed_photograph_again(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(encode_png(EYE))
    change = partial((tmp_path / "a.png").write_bytes, encode_png(EYE + 9))
    assert watch_during_steps(tmp_path, change) == ["a.png", "b.png", "a.png"]


def test_watched_folder_names_results_of_equal_stems_by_suffix(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(EYE))
    (tmp_path / "a.jpg").write_bytes(JPEG)
    frames = watch_folder(tmp_path, []).frames(StopRequest())
    stems = (frame.stem for frame in frames if frame is not None)
    assert {next(stems), next(stems)} == {"a.jpg", "a.png"}


def test_watched_folder_page_with_the_name_of_another_file_gets_a_number(tmp_path: Path) -> None:
    assert cv2.imwritemulti(str(tmp_path / "a.tif"), [EYE, EYE])
    (tmp_path / "a_p0002.png").write_bytes(encode_png(EYE))
    frames = list(filter(None, watch_folder(tmp_path, []).frames(StopAfter(2))))
    assert [frame.stem for frame in frames] == ["a", "a_p0002_2", "a_p0002"]
    assert all(48 * 64 * 3 < frame.required_bytes < 1 << 20 for frame in frames)


def test_watched_folder_yields_photographs_of_subfolders_and_any_suffix(tmp_path: Path) -> None:
    (tmp_path / "p1").mkdir()
    (tmp_path / "p1" / "od.jfif").write_bytes(JPEG)
    (tmp_path / "IMG1").write_bytes(JPEG)
    (name, message) = watch_during_steps(tmp_path)
    assert name == "IMG1"
    assert "1 sub-folder" in message
    assert watch_during_steps(tmp_path, recursive=True) == ["IMG1", "od.jfif"]
    frames = list(watch_folder(tmp_path, [], recursive=True).frames(StopAfter(2)))
    assert [frame.stem for frame in frames if frame is not None] == ["IMG1", "p1/od"]


def test_watched_folder_reports_each_skipped_file_once(tmp_path: Path) -> None:
    lines = np.zeros((48, 64), np.uint8)
    lines[10:14] = 255
    add_mask = partial((tmp_path / "mask.png").write_bytes, encode_png(lines))
    add_text = partial((tmp_path / "notes.txt").write_bytes, b"text")
    mask, text = watch_during_steps(tmp_path, add_mask, add_text)
    assert "1 mask" in mask
    assert ".txt" in text
    assert "mask" not in text


def test_watched_folder_waits_when_folder_disappears(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    moved = tmp_path / "moved"
    folder.mkdir()
    (folder / "a.png").write_bytes(encode_png(EYE))
    steps = (lambda: folder.rename(moved), lambda: moved.rename(folder))
    name, message = watch_during_steps(folder, *steps)
    assert name == "a.png"
    assert str(folder) in message
