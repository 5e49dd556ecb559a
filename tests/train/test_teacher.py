"""Soft labels of a teacher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.photo import read_photo
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.synthetic import generate_photo
from edgeseg_train.checkpoint import Checkpoint, WorkingSize, save_checkpoint
from edgeseg_train.data.soft_labels import open_soft_labels
from edgeseg_train.network.resunet import ARCHITECTURES, build_network
from edgeseg_train.teacher import Teacher, label, make_soft_label

CPU = torch.device("cpu")
PHOTO = generate_photo(2, 160).photo


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    architecture = ARCHITECTURES["tiny"]
    return Checkpoint(
        architecture,
        build_network(architecture).state_dict(),
        preprocessing_preset("edge", 96),
        (WorkingSize("default", 96), WorkingSize("detail", 128)),
        (),
    )


def test_teacher_label_is_the_mean_over_sizes(checkpoint: Checkpoint) -> None:
    teacher = Teacher(checkpoint, CPU)
    maps = list(teacher.probabilities(PHOTO))
    assert len(maps) == 2
    mean = make_soft_label([teacher, teacher], PHOTO)
    assert mean.shape == PHOTO.shape[:2]
    assert mean.dtype == np.float32
    assert np.allclose(mean, np.mean(maps, axis=0), atol=1e-6)
    assert mean[0, 0] == 0  # outside the field of view


def test_teacher_label_of_a_flipped_photograph_is_flipped(checkpoint: Checkpoint) -> None:
    teacher = Teacher(checkpoint, CPU)
    tensor = torch.rand((1, 3, 96, 96), generator=torch.Generator().manual_seed(1))
    plain, flipped = (teacher._flipped_mean(photo) for photo in (tensor, tensor.flip(3)))
    assert np.allclose(plain[:, ::-1], flipped, atol=1e-5)


def test_label_writes_a_folder_for_training(
    tmp_path: Path, checkpoint: Checkpoint, small_pairs: str
) -> None:
    save_checkpoint(checkpoint, tmp_path / "teacher.pt")
    photos = tmp_path / "camera"
    photos.mkdir()
    (photos / "a.png").write_bytes(encode_png(PHOTO))
    (photos / "black.png").write_bytes(encode_png(np.zeros_like(PHOTO)))
    arguments = ["--teacher", str(tmp_path / "teacher.pt"), "--out", str(tmp_path / "soft")]
    arguments += ["--data", small_pairs, "--device", "cpu", str(photos)]
    result = CliRunner().invoke(label, arguments)
    assert result.exit_code == 0, result.output
    assert "camera_black" in result.stderr
    pairs = open_soft_labels(tmp_path / "soft").pairs
    names = [pair.name for pair in pairs]
    assert "camera_a" in names
    assert any(name.startswith("pairs_") for name in names)
    written = read_photo(tmp_path / "soft" / "masks" / "camera_a.png")[:, :, 0]
    expected = make_soft_label([Teacher(checkpoint, CPU)], PHOTO) * 255
    assert np.abs(written - expected).max() <= 0.51
    (tmp_path / "soft" / "masks" / "camera_a.png").write_bytes(b"kept")
    assert CliRunner().invoke(label, arguments).exit_code == 0
    assert (tmp_path / "soft" / "masks" / "camera_a.png").read_bytes() == b"kept"
