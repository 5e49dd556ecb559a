"""Folders of soft labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseg.errors import SystemSetupError
from edgeseg.imaging.encoder import encode_png
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.synthetic import generate_photo
from edgeseg_train.checkpoint import TrainingData, merge_training_data
from edgeseg_train.data.photo_store import load_examples
from edgeseg_train.data.soft_labels import open_soft_labels

SYNTHETIC = generate_photo(1, 128)


def write_label(folder: Path, label: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    for part, image in (("images", SYNTHETIC.photo), ("masks", label)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / "eye.png").write_bytes(encode_png(image))


def test_soft_labels_keep_probabilities(tmp_path: Path) -> None:
    label = (SYNTHETIC.truth // 255 * 153).astype(np.uint8)
    write_label(tmp_path, label)
    data_set = open_soft_labels(tmp_path)
    assert (data_set.split, [pair.name for pair in data_set.pairs]) == ("train", ["eye"])
    loaded = data_set.pairs[0].load()
    assert np.array_equal(loaded.truth, label)
    (example,) = load_examples(data_set.pairs[0], preprocessing_preset("edge", 96), (96,))
    assert 100 < example.truth.max() <= 153


def test_soft_labels_are_recorded_as_training_data(tmp_path: Path) -> None:
    write_label(tmp_path, SYNTHETIC.truth)
    (data,) = merge_training_data((), [open_soft_labels(tmp_path)])
    assert (data.name, data.photographs) == ("soft labels", 1)
    assert data.licence


def test_soft_label_of_another_size_is_rejected(tmp_path: Path) -> None:
    write_label(tmp_path, SYNTHETIC.truth[:100])
    with pytest.raises(SystemSetupError, match="eye"):
        open_soft_labels(tmp_path).pairs[0].load()


def test_soft_labels_without_images_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(SystemSetupError, match="images"):
        open_soft_labels(tmp_path)


def test_soft_labels_of_several_folders_are_counted_once_each(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_label(tmp_path / name, SYNTHETIC.truth)
    folders = [open_soft_labels(tmp_path / name) for name in ("a", "b", "b")]
    (data,) = merge_training_data((), folders)
    assert data.photographs == 2
    for before, expected in ((1, 2), (5, 5)):
        earlier = TrainingData("soft labels", before, "any")
        (data,) = merge_training_data([earlier], folders)
        assert data.photographs == expected
