"""Soft labels of a teacher."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.photo import read_photo
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.synthetic import generate_photo
from edgeseg_train import teacher as teacher_module
from edgeseg_train.checkpoint import Checkpoint, WorkingSize, save_checkpoint
from edgeseg_train.data.soft_labels import open_soft_labels
from edgeseg_train.network.resunet import ARCHITECTURES, build_network
from edgeseg_train.teacher import Teacher, make_soft_label

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


def label(folder: Path, *arguments: str | Path) -> Result:
    """Run `edgeseg label` with `teacher.pt` in a folder."""
    options = ["--teacher", folder / "teacher.pt", "--out", folder / "soft", "--device", "cpu"]
    return CliRunner().invoke(cli, ["label", *map(str, options + list(arguments))])


def test_label_writes_a_folder_for_training(
    tmp_path: Path, checkpoint: Checkpoint, small_pairs: str
) -> None:
    save_checkpoint(checkpoint, tmp_path / "teacher.pt")
    photos = tmp_path / "camera"
    photos.mkdir()
    (photos / "a.png").write_bytes(encode_png(PHOTO))
    (photos / "black.png").write_bytes(encode_png(np.zeros_like(PHOTO)))
    result = label(tmp_path, "--data", small_pairs, photos)
    assert result.exit_code == 3, result.output
    assert "camera_black" in result.stderr
    pairs = open_soft_labels(tmp_path / "soft").pairs
    names = [pair.name for pair in pairs]
    assert "camera_a" in names
    assert any(name.startswith("pairs_") for name in names)
    written = read_photo(tmp_path / "soft" / "masks" / "camera_a.png")[:, :, 0]
    expected = make_soft_label([Teacher(checkpoint, CPU)], PHOTO) * 255
    assert np.abs(written - expected).max() <= 0.51
    (tmp_path / "soft" / "masks" / "camera_a.png").write_bytes(b"kept")
    (photos / "black.png").unlink()
    assert label(tmp_path, "--data", small_pairs, photos).exit_code == 0
    assert (tmp_path / "soft" / "masks" / "camera_a.png").read_bytes() == b"kept"


@pytest.mark.parametrize("other", ["b/images/eye.png", "a/images/eye.jpg"])
def test_label_with_equal_names_is_rejected(
    tmp_path: Path, checkpoint: Checkpoint, other: str
) -> None:
    save_checkpoint(checkpoint, tmp_path / "teacher.pt")
    files = [tmp_path / name for name in ("a/images/eye.png", other)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode_png(PHOTO))
    result = label(tmp_path, *files)
    assert result.exit_code == 2, result.output
    assert all(str(file) in result.stderr for file in files)
    assert not (tmp_path / "soft").exists()


def test_label_of_a_repeated_photograph_is_written_once(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    save_checkpoint(checkpoint, tmp_path / "teacher.pt")
    (tmp_path / "eye.png").write_bytes(encode_png(PHOTO))
    (tmp_path / "other").mkdir()
    result = label(tmp_path, tmp_path / "eye.png", tmp_path / "other" / ".." / "eye.png")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "soft" / "masks").iterdir())) == 1


def test_label_reports_file_that_is_not_a_photograph(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    save_checkpoint(checkpoint, tmp_path / "teacher.pt")
    photos = tmp_path / "camera"
    photos.mkdir()
    (photos / "eye.png").write_bytes(encode_png(PHOTO))
    (photos / "notes.txt").write_text("notes")
    assert label(tmp_path, photos).exit_code == 0
    result = label(tmp_path, photos, photos / "notes.txt")
    assert result.exit_code == 3, result.output
    assert "camera_notes" in result.stderr


def test_label_without_photographs_is_rejected(tmp_path: Path, checkpoint: Checkpoint) -> None:
    save_checkpoint(checkpoint, tmp_path / "teacher.pt")
    (tmp_path / "empty").mkdir()
    assert label(tmp_path).exit_code == 2
    assert label(tmp_path, tmp_path / "empty").exit_code == 2


def test_label_interrupted_does_not_process_remaining_photographs(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def write_label(out: Path, teachers: object, name: str, load: object) -> bool:
        started.append(name)
        if len(started) == 1:
            raise KeyboardInterrupt
        time.sleep(0.1)
        return True

    monkeypatch.setattr(teacher_module, "count_photo_threads", lambda: 1)
    monkeypatch.setattr(teacher_module, "_write_label", write_label)
    save_checkpoint(checkpoint, tmp_path / "teacher.pt")
    assert label(tmp_path, "--data", "synthetic:40").exit_code == 130
    assert 1 <= len(started) < 20
