"""Tests of the selection of calibration photographs."""

from __future__ import annotations

from edgeseg.datasets import open_data
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_export.precision.calibration import load_photos, select_evenly


def test_select_evenly_takes_first_and_last_of_each_data_set() -> None:
    data_set = open_data("synthetic:9", "train")
    pairs = select_evenly([data_set, data_set], 4)
    names = [data_set.pairs[0].name, data_set.pairs[-1].name]
    assert [pair.name for pair in pairs] == names * 2


def test_load_photos_without_data_uses_synthetic_photographs() -> None:
    photos = load_photos((), "validation", 8, preprocessing_preset("edge", 64))
    assert len(photos) == 2
    assert photos[0].tensor.shape == (1, 64, 64, 3)
    assert photos[0].inside.shape == photos[0].truth.shape == (64, 64)
