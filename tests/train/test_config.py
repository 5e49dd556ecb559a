"""Hyperparameters of a training run."""

from __future__ import annotations

import pytest

from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_train.config import TrainConfig
from edgeseg_train.network.resunet import architecture_by_name


def test_learning_rate_at_warms_up_and_falls_to_one_percent() -> None:
    preprocessing = preprocessing_preset("edge", 128)
    config = TrainConfig(architecture_by_name("tiny"), preprocessing, (), (128,), epochs=1)
    rates = [config.learning_rate_at(progress / 100) for progress in range(101)]
    peak = config.learning_rate
    assert max(rates) == pytest.approx(peak, rel=1e-3)
    assert rates[0] < 0.01 * peak
    assert rates[-1] == pytest.approx(0.01 * peak)
    assert rates[4:] == sorted(rates[4:], reverse=True)
