"""Preparation of a training run: device, output folder, photographs and compute mode."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click
import cv2
import torch

from edgeseg.datasets import DataSet, Pair, SplitChoice, open_data
from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.system.files import remove_stale_temporaries
from edgeseg_train.config import TrainConfig
from edgeseg_train.data.crop_sampler import CropSampler
from edgeseg_train.data.photo_store import load_photographs
from edgeseg_train.reporting.log import write_log
from edgeseg_train.training.compute import COMPUTE_MODES, ComputeMode, select_compute_mode
from edgeseg_train.training.distributed import DistributedContext
from edgeseg_train.training.state import BEST, LAST, LOG, SavedState
from edgeseg_train.training.trainer import Trainer
from edgeseg_train.validation.validator import cache_pairs

# Time reserved for `curves.png` and the last files in a run of fixed minutes.
PLOT_SECONDS = 1.0


def select_device(device: str) -> str:
    """Resolve `auto`, `cuda` or `cpu` to `cuda` or `cpu`.

    Raises:
        SystemSetupError: CUDA is not available.
    """
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise SystemSetupError("--device cuda: PyTorch found no CUDA device. Use --device cpu.")
    return "cuda" if available and device != "cpu" else "cpu"


def prepare_folder(out: Path, resume: bool, state: SavedState | None) -> None:
    """Check that no other run is overwritten, and that the folder is writable.

    Args:
        out: output folder.
        resume: whether `--resume` was given.
        state: state of an earlier session.

    Raises:
        UsageError: the folder contains another run.
    """
    remove_stale_temporaries(out)
    if state is not None:
        return
    if resume:
        click.echo(f"{out / LAST} does not exist: starting a new run.", err=True)
        for name in (BEST, LOG):
            (out / name).unlink(missing_ok=True)
    elif (out / BEST).exists() or (out / LAST).exists():
        raise UsageError(
            f"--out {out}: already contains a run. Continue it with --resume, "
            "or choose another folder."
        )
    write_log([], out / LOG)  # reports a full disk before the run, not minutes later


def open_data_sets(specs: Sequence[str], split: SplitChoice, show_notices: bool) -> list[DataSet]:
    """Open the data sets of `--data` and print their notices to standard error."""
    data_sets = [open_data(spec, split) for spec in specs]
    for data_set in data_sets:
        if data_set.notice and show_notices:
            click.echo(f"{data_set.name}: {data_set.notice}", err=True)
    return data_sets


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
        device: device that trains.
        arithmetic: name of a compute mode, or `auto`.
        process: position among the processes of the run.
        started: start of the session as `time.monotonic()`.
        state: state of an earlier session.
    """
    cv2.setNumThreads(1)  # photographs are loaded and scored in threads, one each
    # All steps have the same shapes. With fixed epochs, all sessions must use the same algorithms.
    torch.backends.cudnn.benchmark = config.epochs is None
    pairs: list[Pair] = [pair for data_set in training for pair in data_set.pairs]
    photographs = load_photographs(pairs, config.preprocessing, config.photograph_sizes)
    photographs.move_to(device)
    crops = CropSampler(
        photographs,
        config.crop,
        config.batch // process.world_size,
        config.seed,
        config.augmentation,
        process.rank,
        process.world_size,
        config.coverage,
    )
    loading_started = time.monotonic()
    if not process.is_main:
        validation = ()
    validation_pairs = cache_pairs(validation, config.preprocessing, config.sizes[0].size)
    loading_seconds = time.monotonic() - loading_started
    mode = _choose_mode(arithmetic, config, device, process, state)
    if process.is_main:
        click.echo(
            f"Photographs: {len(pairs)} for training, {len(validation_pairs)} for validation. "
            f"Device: {device.type}, {mode.name}.",
            err=True,
        )
    trainer = Trainer(
        config, out, training, crops, validation_pairs, device, mode, process, started
    )
    # Photographs are loaded again for the other working sizes.
    trainer.schedule.closing_seconds = (len(config.sizes) - 1) * loading_seconds + PLOT_SECONDS
    if state is not None:
        trainer.resume(state)
    return trainer


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
