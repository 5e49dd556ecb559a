"""Tests of the selection of calibration photographs."""

from __future__ import annotations

from edgeseg.datasets import open_data
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_export.precision.calibration import open_calibration, select_evenly


def test_select_evenly_takes_first_and_last_of_each_data_set() -> None:
    data_set = open_data("synthetic:9", "train")
    pairs = select_evenly([data_set, data_set], 4)
    names = [data_set.pairs[0].name, data_set.pairs[-1].name]
    assert [pair.name for pair in pairs] == names * 2


def test_open_calibration_without_data_uses_synthetic_photographs() -> None:
    data = open_calibration((), preprocessing_preset("edge", 64))
    assert len(data.calibration) == len(data.validation) == 2
    assert data.calibration[0].shape == (1, 64, 64, 3)
    photo = data.validation[0]
    assert photo.inside.shape == photo.truth.shape == (64, 64)
