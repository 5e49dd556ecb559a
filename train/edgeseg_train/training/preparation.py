"""Preparation of a training run: photographs, compute mode and earlier state."""

import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import torch

from edgeseg.datasets import DataSet, Pair
from edgeseg_train.config import TrainConfig
from edgeseg_train.data.crop_sampler import CropSampler
from edgeseg_train.data.photo_store import PhotoStore, load_photographs
from edgeseg_train.reporting.data_summary import print_data_summary
from edgeseg_train.training.compute import (
    COMPUTE_MODES,
    ComputeMode,
    DistributedContext,
    select_compute_mode,
)
from edgeseg_train.training.state import SavedState
from edgeseg_train.training.trainer import Trainer
from edgeseg_train.validation import cache_pairs

# Time in seconds that a run with --minutes reserves for `curves.png` and the last files.
PLOT_SECONDS = 1.0


def prepare_trainer(
    config: TrainConfig,
    out: Path,
    training: Sequence[DataSet],
    validation: Sequence[DataSet],
    device: torch.device,
    arithmetic: str,
    process: DistributedContext,
    started: float,
    state: SavedState | None,
) -> Trainer:
    """Load the photographs, select the compute mode and restore an earlier session.

    Args:
        config: hyperparameters.
        out: output folder.
        training: training data sets.
        validation: validation data sets.
        device: device for training.
        arithmetic: name of a compute mode, or `auto`.
        process: position of this process in the run.
        started: start of the session as `time.monotonic()`.
        state: state of an earlier session.
    """
    cv2.setNumThreads(1)  # a thread loads and scores one photograph at a time
    # Shapes never change. Therefore, cuDNN can select the fastest algorithms. With --epochs, this
    # is disabled, because all sessions of a run must use the same algorithms.
    torch.backends.cudnn.benchmark = config.epochs is None
    pairs: list[Pair] = [pair for data_set in training for pair in data_set.pairs]
    photographs = load_photographs(
        pairs,
        config.preprocessing,
        config.photograph_sizes,
        config.simulated_cameras,
        config.seed,
    )
    photographs.move_to(device)
    crops = _make_sampler(photographs, config, process)
    loading_started = time.monotonic()
    validation_pairs = cache_pairs(
        validation if process.is_main else (), config.preprocessing, config.sizes[0].size
    )
    loading_seconds = time.monotonic() - loading_started
    mode = _choose_mode(arithmetic, config, device, process, state)
    if process.is_main:
        print_data_summary(photographs, validation_pairs, device.type, mode)
    trainer = Trainer(
        config, out, training, crops, validation_pairs, device, mode, process, started
    )
    # After the last step, the validation photographs are loaded at the other working sizes.
    trainer.schedule.closing_seconds = (len(config.sizes) - 1) * loading_seconds + PLOT_SECONDS
    if state is not None:
        trainer.resume(state)
    return trainer


def _make_sampler(
    photographs: PhotoStore, config: TrainConfig, process: DistributedContext
) -> CropSampler:
    return CropSampler(
        photographs,
        config.crop,
        config.batch // process.world_size,
        config.seed,
        config.augmentation,
        process.rank,
        process.world_size,
        config.coverage,
    )


def _choose_mode(
    arithmetic: str,
    config: TrainConfig,
    device: torch.device,
    process: DistributedContext,
    state: SavedState | None,
) -> ComputeMode:
    if arithmetic in COMPUTE_MODES:
        return COMPUTE_MODES[arithmetic]
    if state is not None:
        return state.compute_mode
    if process.world_size > 1:  # all processes must use the same mode
        return ComputeMode()
    return select_compute_mode(config.architecture, config.crop, config.batch, device)
