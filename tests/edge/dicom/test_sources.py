"""DICOM files as paths, as bytes and in a watched folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from edgeseg import Segmenter
from edgeseg.errors import PhotoError
from edgeseg.imaging.photo import photo_stem
from edgeseg.run.sources.watched_folder import WatchedFolder
from edgeseg.synthetic import SyntheticPhoto
from edgeseg.system.signals import StopRequest

Maker: TypeAlias = Callable[..., bytes]
TRUE_COLOUR_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.4"


def test_segmenter_accepts_path_and_bytes(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    data = make_dicom(eye.photo)
    (tmp_path / "IM1").write_bytes(data)
    segmenter = Segmenter(tiny_model)
    expected = segmenter.segment(eye.photo).mask
    assert np.array_equal(segmenter.segment(tmp_path / "IM1").mask, expected)
    assert np.array_equal(segmenter.segment(data).mask, expected)


def test_watched_folder_waits_for_complete_dicom(
    make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    data = make_dicom(np.stack([eye.photo] * 2), sop_class=TRUE_COLOUR_CAPTURE)
    path = tmp_path / "IM1"
    path.write_bytes(data[: len(data) // 2])
    messages: list[str] = []
    stop = StopRequest()
    frames = WatchedFolder(tmp_path, messages.append, poll_s=0.01).frames(stop)
    assert [next(frames) for _ in range(5)] == [None] * 5
    path.write_bytes(data)
    found = [frame for frame, _ in zip(frames, range(6), strict=False) if frame is not None]
    assert [frame.page for frame in found] == [1, 2]


def test_watched_folder_does_not_wait_for_dicom_without_photograph(
    make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    ct = make_dicom(eye.photo, sop_class="1.2.840.10008.5.1.4.1.1.2")
    (tmp_path / "ct").write_bytes(ct)
    frames = WatchedFolder(tmp_path, print, poll_s=0.01).frames(StopRequest())
    frame = next(frame for frame in frames if frame is not None)
    with pytest.raises(PhotoError, match="CT Image Storage"):
        frame.load()


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("1.2.840.7", "1.2.840.7"),
        ("OPb.1.2.840.7", "OPb.1.2.840.7"),
        ("OP.1.2.840.7.dcm", "OP.1.2.840.7"),
        ("IM0001", "IM0001"),
        ("a.dcm", "a"),
        ("a.dcm.gz", "a"),
    ],
)
def test_stem_keeps_uids(name: str, stem: str) -> None:
    assert photo_stem(Path(name)) == stem
