"""Output folder of a training run, and its state in `last.pt`."""

from pathlib import Path
from typing import Annotated

import msgspec
import torch
from torch import Tensor

from edgeseg.console import print_line
from edgeseg.errors import ModelError, UsageError, one_line
from edgeseg.system.files import remove_stale_temporaries
from edgeseg_train.checkpoint import TrainingData, check_fit
from edgeseg_train.config import TrainConfig
from edgeseg_train.network.resunet import ResUNet
from edgeseg_train.reporting.log import write_log
from edgeseg_train.tensor_file import read_tensors, write_tensors
from edgeseg_train.training.compute import ComputeMode

# Checkpoint with the best validation Dice.
BEST = "best.pt"

# State for `--resume`.
LAST = "last.pt"

# Log of the run.
LOG = "log.csv"

_RESTORE_ERRORS = (ModelError, AttributeError, KeyError, TypeError, ValueError, RuntimeError)


class SavedState(msgspec.Struct, frozen=True, kw_only=True):
    """Content of `last.pt`.

    Attributes:
        config: options that must not change when a run is resumed (`describe_config`).
        step: number of finished steps.
        seconds: duration of all sessions in seconds.
        best_dice: best validation Dice; -1 before the first validation.
        validation_seconds: duration of the last validation.
        compute_mode: compute mode of the run, which a resumed run must also use.
        earlier_data: training data of the weights of `--start`.
        start_weights: weights of `--start`; empty if `--start` was not given.
        best_weights: averaged weights with the best validation Dice.
        network: state dict of the trained network.
        averaged: state dict of the averaged network.
        optimizer: state dict of the optimizer.
    """

    config: dict[str, object] = msgspec.field(name="plan")
    step: Annotated[int, msgspec.Meta(ge=0)]
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    best_dice: float = msgspec.field(name="best")
    validation_seconds: float
    compute_mode: ComputeMode = msgspec.field(name="arithmetic")
    earlier_data: list[TrainingData] = msgspec.field(name="before")
    start_weights: dict[str, Tensor] = msgspec.field(name="start")
    best_weights: dict[str, Tensor]
    network: dict[str, Tensor]
    averaged: dict[str, Tensor]
    optimizer: dict[str, object]

    def check_config(self, current: dict[str, object], file: Path) -> None:
        """Check that the state belongs to a run with the current options (`describe_config`).

        Raises:
            ModelError: An option differs. The message contains the name of the option.
        """
        differences = [
            f"{key} was {self.config.get(key)}, is {value}"
            for key, value in current.items()
            if self.config.get(key) != value
        ]
        if differences:
            raise ModelError(
                f"{file}: belongs to a different run ({', '.join(differences)}). Resume the "
                "run with its own options, or choose another --out."
            )

    def restore(
        self, network: ResUNet, averaged: ResUNet, optimizer: torch.optim.Optimizer, file: Path
    ) -> None:
        """Copy the state into two networks and their optimizer.

        Args:
            network: trained network.
            averaged: averaged network.
            optimizer: optimizer of the trained network.
            file: file of this state, for error messages.

        Raises:
            ModelError: The state does not fit the networks or the optimizer.
        """
        try:
            for weights in (self.network, self.averaged, self.start_weights, self.best_weights):
                if weights:
                    check_fit(network.architecture, weights)
            network.load_state_dict(self.network)
            averaged.load_state_dict(self.averaged)
            optimizer.load_state_dict(self.optimizer)
        except _RESTORE_ERRORS as error:
            raise _invalid_state(file, error) from error

    def save(self, folder: Path) -> None:
        """Write `last.pt` atomically."""
        plain = {
            field.encode_name: getattr(self, field.name)
            for field in msgspec.structs.fields(SavedState)
        }
        plain["arithmetic"] = msgspec.to_builtins(self.compute_mode)
        plain["before"] = msgspec.to_builtins(self.earlier_data)
        write_tensors(plain, folder / LAST)


def load_state(folder: Path) -> SavedState | None:
    """Read `last.pt` of an earlier session.

    Returns:
        The state; None if the folder has no `last.pt`.

    Raises:
        ModelError: The file is damaged or was not written by `edgeseg train`.
    """
    file = folder / LAST
    if not file.exists():
        return None
    try:
        return msgspec.convert(read_tensors(file), SavedState)
    except (msgspec.ValidationError, AttributeError) as error:
        # msgspec raises AttributeError for a tensor in place of a mapping
        raise _invalid_state(file, error) from error


def _invalid_state(file: Path, error: Exception) -> ModelError:
    return ModelError(
        f"{file}: not a state of `edgeseg train` ({one_line(error)}). Remove the file to start a "
        "new run, or choose another --out."
    )


def describe_config(config: TrainConfig, photographs: int) -> dict[str, object]:
    """Return the options that must not change between two sessions of a run, as plain values."""
    return {
        "architecture": config.architecture.to_dict(),
        "loss": msgspec.to_builtins(config.loss),
        "crop": config.crop,
        "batch": config.batch,
        "crops_each": config.crops_per_photograph,
        "learning_rate": config.learning_rate,
        "average": config.average_decay,
        "seed": config.seed,
        "photograph_sizes": list(config.photograph_sizes),
        "coverage": config.coverage,
        "simulated_cameras": config.simulated_cameras,
        "frozen_statistics": config.frozen_statistics,
        "photographs": photographs,
    }


def prepare_folder(out: Path, resume: bool, state: SavedState | None) -> None:
    """Check that the folder contains no other run and is writable.

    Args:
        out: output folder.
        resume: whether `--resume` was given.
        state: state of an earlier session.

    Raises:
        UsageError: The folder contains another run.
    """
    remove_stale_temporaries(out)
    if state is not None:
        return
    if resume:
        print_line(f"{out / LAST} does not exist: starting a new run.", err=True)
        for name in (BEST, LOG):
            (out / name).unlink(missing_ok=True)
    elif (out / BEST).exists() or (out / LAST).exists():
        raise UsageError(
            f"--out {out}: already contains a run. Continue the run with --resume, or choose "
            "another folder."
        )
    write_log([], out / LOG)  # report a full disk before the run
