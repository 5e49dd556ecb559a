"""Pages of a TIFF file as images of a run, and detection of videos from the content."""

from __future__ import annotations

import gzip
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import PhotoError
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import collect_inputs
from edgeseg.run.sources.photographs import Photographs
from edgeseg.system.signals import StopRequest


def write_tiff(path: Path, *sides: int) -> Path:
    pages = [np.full((side, side, 3), 50 + side, np.uint8) for side in sides]
    assert cv2.imwritemulti(str(path), pages)
    return path


def list_frames(*paths: Path) -> list[Frame]:
    source = Photographs(collect_inputs([str(path) for path in paths]).inputs)
    frames = list(filter(None, source.frames(StopRequest())))
    assert source.total == len(frames)
    return frames


def test_photographs_pages_of_a_tiff_are_frames_with_their_own_names(tmp_path: Path) -> None:
    frames = list_frames(write_tiff(tmp_path / "eye.tif", 64, 60))
    assert [(frame.stem, frame.page) for frame in frames] == [("eye", 1), ("eye_p0002", 2)]
    assert frames[0].load() != frames[1].load()


def test_photographs_pages_of_a_gzipped_tiff_are_the_pages_of_the_tiff(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "eye.tif", 16, 64, 60)
    plain = list_frames(path)
    packed = tmp_path / "eye.tif.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    frames = list_frames(packed)
    assert [frame.load() for frame in frames] == [frame.load() for frame in plain]
    keys = [(frame.stem, frame.page, frame.warnings, frame.required_bytes) for frame in frames]
    assert keys == [
        ("eye", 1, ("pages_skipped",), plain[0].required_bytes),
        ("eye_p0002", 2, ("pages_skipped",), plain[1].required_bytes),
    ]


def test_photographs_truncated_gzipped_tiff_fails_to_load(tmp_path: Path) -> None:
    packed = gzip.compress(write_tiff(tmp_path / "eye.tif", 64, 60).read_bytes())
    (tmp_path / "eye.tif.gz").write_bytes(packed[:-20])
    (frame,) = list_frames(tmp_path / "eye.tif.gz")
    with pytest.raises(PhotoError, match=r"^.*eye\.tif\.gz: ") as caught:
        frame.load()
    assert caught.value.code == "undecodable"


def test_photographs_pages_of_a_tiff_require_the_memory_of_their_own_size(tmp_path: Path) -> None:
    path = tmp_path / "eye.tif"
    assert cv2.imwritemulti(str(path), [np.zeros((side, side, 3), np.uint8) for side in (300, 500)])
    file_bytes = path.stat().st_size
    first, second = list_frames(path)
    assert 300 * 300 * 6 < first.required_bytes < 300 * 300 * 20 + 2 * file_bytes
    assert 500 * 500 * 6 < second.required_bytes < 500 * 500 * 20 + 2 * file_bytes
    assert second.required_bytes > first.required_bytes


def test_photographs_single_file_requires_memory(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "eye.png"), np.zeros((600, 600, 3), np.uint8))
    (frame,) = list_frames(tmp_path / "eye.png")
    assert 600 * 600 * 6 < frame.required_bytes < 600 * 600 * 20


def test_photographs_thumbnail_page_is_skipped_with_a_warning(tmp_path: Path) -> None:
    (frame,) = list_frames(write_tiff(tmp_path / "eye.tif", 16, 64))
    assert (frame.stem, frame.page, frame.warnings) == ("eye", None, ("pages_skipped",))


def test_photographs_page_with_the_name_of_another_input_gets_a_number(tmp_path: Path) -> None:
    other = write_tiff(tmp_path / "eye_p0002.tif", 64)
    frames = list_frames(write_tiff(tmp_path / "eye.tif", 64, 60), other)
    assert [frame.stem for frame in frames] == ["eye", "eye_p0002_2", "eye_p0002"]


def test_collect_inputs_video_is_recognized_by_content(tmp_path: Path) -> None:
    names = {
        "clip.h264": b"\0\0\0\1\x67\x64\0\x1f",
        "clip.dat": b"\0\0\0\x18ftypisom",
        "a.mp4": b"x",
    }
    for name, content in names.items():
        (tmp_path / name).write_bytes(content + bytes(40))
    write_tiff(tmp_path / "photo.tif", 64).rename(tmp_path / "photo.mp4")
    inputs = collect_inputs([str(tmp_path / name) for name in (*names, "photo.mp4")]).inputs
    assert [one.is_video for one in inputs] == [True, True, True, False]
