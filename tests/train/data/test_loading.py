"""Loading of pairs for training: ignored pixels, and masks that do not fit their photograph."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from edgeseg.datasets import LoadedPair, Split, open_data
from edgeseg.errors import SystemSetupError
from edgeseg.imaging.encoder import encode_png
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.synthetic import generate_photo
from edgeseg_train.data.loading import load_pair
from edgeseg_train.data.photo_store import load_photographs

SIZE = 96
SYNTHETIC = generate_photo(3, 200)


class IgnoringPair:
    """Pair without a label in the upper half."""

    name = "eye"
    split: Split | None = None

    def load(self) -> LoadedPair:
        ignored = np.zeros_like(SYNTHETIC.truth)
        ignored[:100] = 255
        return LoadedPair(
            SYNTHETIC.photo, SYNTHETIC.truth, None, ignored=ignored, notes=("class numbers",)
        )


def test_load_photographs_excludes_ignored_pixels_from_the_loss() -> None:
    store = load_photographs([IgnoringPair()], preprocessing_preset("edge", SIZE), (SIZE,))
    positions = torch.from_numpy(
        np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), axis=-1)[None].astype(np.float32)
    )
    batch = store.read([(0, 0)], positions)
    assert store.notes == {"class numbers"}
    half = SIZE // 2
    assert batch.inside[0, 0, : half - 2].any()
    assert not batch.counted[0, 0, : half - 2].any()
    assert torch.equal(batch.counted[0, 0, half + 2 :], batch.inside[0, 0, half + 2 :])
    assert batch.photo[0, :, : half - 2].any()


def test_load_pair_rejects_different_orientations(tmp_path: Path) -> None:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    jpeg = bytes(cv2.imencode(".jpg", SYNTHETIC.photo[:, :, ::-1])[1])
    block = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0" + bytes(4)
    exif = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    (tmp_path / "images" / "eye.jpg").write_bytes(jpeg[:2] + exif + jpeg[2:])
    (tmp_path / "masks" / "eye.png").write_bytes(encode_png(SYNTHETIC.truth))
    (pair,) = open_data(f"pairs:{tmp_path}", "test").pairs
    with pytest.raises(SystemSetupError, match="eye"):
        load_pair(pair)
    (tmp_path / "images" / "eye.jpg").write_bytes(jpeg)
    assert load_pair(pair).misoriented == ""
