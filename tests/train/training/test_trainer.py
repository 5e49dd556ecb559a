"""Trainer: progress, resuming, validation loss and BatchNorm statistics."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeseg.datasets import open_data
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_train.checkpoint import (
    WorkingSize,
)
from edgeseg_train.config import TrainConfig
from edgeseg_train.data.augmentation import Augmentation
from edgeseg_train.data.crop_sampler import CropSampler
from edgeseg_train.data.photo_store import Example, PhotoStore
from edgeseg_train.network.resunet import architecture_by_name
from edgeseg_train.training.compute import ComputeMode
from edgeseg_train.training.losses import LossWeights
from edgeseg_train.training.state import load_state
from edgeseg_train.training.trainer import Trainer
from edgeseg_train.validation import cache_pairs


@pytest.fixture
def crops() -> CropSampler:
    """Return a sampler of one white photograph."""
    white = np.full((64, 64), 255, np.uint8)
    example = Example(np.full((64, 64, 3), 255, np.uint8), white, white)
    return CropSampler(PhotoStore.from_examples([[example]]), 32, 1, 0, Augmentation())


def make_config(*sizes: WorkingSize) -> TrainConfig:
    preprocessing = preprocessing_preset("edge", 64)
    return TrainConfig(architecture_by_name("tiny"), preprocessing, sizes, (64,), minutes=2)


def test_progress_counts_all_sessions_and_reserves_closing_time(
    tmp_path: Path, crops: CropSampler
) -> None:
    config = make_config(WorkingSize("default", 64), WorkingSize("detail", 128))
    cpu = torch.device("cpu")

    def start_session(elapsed: float) -> Trainer:
        started = time.monotonic() - elapsed
        return Trainer(config, tmp_path, (), crops, (), cpu, ComputeMode(), started=started)

    start_session(30).save()
    state = load_state(tmp_path)
    assert state is not None
    second = start_session(18)
    second.resume(state)
    seconds = second.schedule.seconds
    assert seconds >= 48
    assert second.progress == pytest.approx(seconds / 120, rel=0.01)
    second.schedule.validation_seconds = 4.0
    second.schedule.closing_seconds = 8.0
    # The time includes one more validation during the run, one at the end, and two for each
    # threshold. A size with four times as many pixels takes four times as long.
    assert second.progress == pytest.approx(seconds / (120 - (2 + 2 + 8) * 4 - 8), rel=0.01)


def test_resume_restores_start_weights(tmp_path: Path, crops: CropSampler) -> None:
    config = make_config(WorkingSize("default", 64))
    cpu = torch.device("cpu")
    first = Trainer(config, tmp_path, (), crops, (), cpu, ComputeMode())
    second = Trainer(config, tmp_path, (), crops, (), cpu, ComputeMode())
    start = first.best_checkpoint()
    first.start_from(start)
    first.save()
    state = load_state(tmp_path)
    assert state is not None and second.start_weights is None
    second.resume(state)
    assert second.start_weights is not None
    for name, weight in start.weights.items():
        assert torch.equal(second.start_weights[name], weight)


def test_validation_loss_uses_the_loss_weights(tmp_path: Path, crops: CropSampler) -> None:
    config = make_config(WorkingSize("default", 64))
    config = replace(config, epochs=1, minutes=None, loss=LossWeights(0, 0, 0))
    pairs = cache_pairs([open_data("synthetic:1", "test")], config.preprocessing, 64)
    trainer = Trainer(config, tmp_path, (), crops, pairs, torch.device("cpu"), ComputeMode())
    trainer.run(lambda entry, progress: None, lambda: False)
    assert [entry.validation_loss for entry in trainer.log] == [0]


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_statistics_are_those_of_the_start_weights(
    frozen: bool, tmp_path: Path, crops: CropSampler
) -> None:
    config = replace(
        make_config(WorkingSize("default", 64)), epochs=1, minutes=None, frozen_statistics=frozen
    )
    trainer = Trainer(config, tmp_path, (), crops, (), torch.device("cpu"), ComputeMode())
    trainer.start_from(trainer.best_checkpoint())
    assert trainer.start_weights is not None
    start = {name: weight.clone() for name, weight in trainer.start_weights.items()}
    trainer.run(lambda entry, progress: None, lambda: False)
    trained = trainer.best_checkpoint().weights
    unchanged = {name: torch.equal(weight, trained[name]) for name, weight in start.items()}
    statistics = {name for name in start if name.endswith(("running_mean", "running_var"))}
    assert statistics
    assert {unchanged[name] for name in statistics} == {frozen}
    assert not all(unchanged[name] for name in start if name.endswith(".weight"))
