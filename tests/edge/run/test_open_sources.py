"""Opening of the sources of a run."""

from pathlib import Path

import pytest

from edgeseg.imaging.encoder import encode_png
from edgeseg.run.open_sources import open_sources
from edgeseg.synthetic.generate import generate_photo
from edgeseg.system.signals import StopRequest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = encode_png(generate_photo(1, 64).photo)
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(data)
    return tmp_path


def count_parallel_frames(inputs: list[str], watch: Path | None = None) -> int | None:
    return open_sources(inputs, None, watch, newest=False, stop=StopRequest()).parallel_frames


def test_open_sources_photographs_are_processed_in_parallel(folder: Path) -> None:
    assert count_parallel_frames([str(folder)]) == 3


def test_open_sources_video_does_not_limit_parallel_frames(folder: Path) -> None:
    (folder / "v.mp4").touch()
    assert count_parallel_frames([str(folder), str(folder / "v.mp4")]) is None


def test_open_sources_stdin_or_watched_folder_allows_one_frame_at_a_time(folder: Path) -> None:
    assert count_parallel_frames([str(folder), "-"]) == 1
    assert count_parallel_frames([str(folder)], watch=folder) == 1
