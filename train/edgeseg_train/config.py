"""Hyperparameters and schedule of a training run."""

import math
import time
from dataclasses import dataclass, field

from edgeseg.errors import ModelError, UsageError
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg_train.checkpoint import WorkingSize
from edgeseg_train.data.augmentation import Augmentation
from edgeseg_train.network.resunet import Architecture
from edgeseg_train.training.losses import LossWeights

# Crops are cut from photographs at these multiples of the first working size, and at the other
# working sizes.
CROP_SCALES = (0.8, 1.0, 1.25, 1.6)

# Range of a working size in pixels.
MIN_SIZE, MAX_SIZE = 64, 4096

# With --epochs: maximum number of validations.
MAX_VALIDATIONS = 50

# With --minutes: minimum time between validations, as a multiple of a validation's duration.
VALIDATION_INTERVAL = 12

# With --minutes: minimum time between validations, in seconds.
MIN_VALIDATION_SECONDS = 12.0


@dataclass(frozen=True)
class TrainConfig:
    """Settings that determine the result of a training run.

    Attributes:
        architecture: network to train.
        preprocessing: preprocessing of photographs.
        sizes: working sizes with thresholds. During the run, only the first size is validated.
        photograph_sizes: sizes of the photographs from which crops are taken.
        epochs: length of the run in epochs; None if `minutes` is given.
        minutes: total length of all sessions in minutes; None if `epochs` is given.
        crop: side of a crop in pixels.
        batch: number of crops per step in all processes together.
        crops_per_photograph: number of crops from each photograph in an epoch.
        learning_rate: peak learning rate of AdamW.
        weight_decay: weight decay of AdamW.
        warm_up: share of the run during which the learning rate increases.
        average_decay: decay of the averaged weights in each step.
        max_gradient_norm: norm to which gradients are clipped.
        seed: seed of weights, crop order and augmentation.
        loss: weights of the loss terms.
        augmentation: augmentation of crops.
        simulated_cameras: share of the photographs that are changed as if another camera had
            taken them.
        frozen_statistics: whether the BatchNorm statistics of the start weights are kept.
        coverage: whether masks contain the share of each pixel that vessels cover. Otherwise, masks
            contain 1 for shares above one half and 0 for other shares.
    """

    architecture: Architecture
    preprocessing: PreprocessingConfig
    sizes: tuple[WorkingSize, ...]
    photograph_sizes: tuple[int, ...]
    epochs: int | None = None
    minutes: float | None = None
    crop: int = 256
    batch: int = 8
    crops_per_photograph: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.03
    average_decay: float = 0.999
    max_gradient_norm: float = 1.0
    seed: int = 0
    loss: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)
    simulated_cameras: float = 0.0
    frozen_statistics: bool = False
    coverage: bool = True

    def learning_rate_at(self, progress: float) -> float:
        """Return the learning rate: linear warm-up, then cosine decay to 1 % of the peak.

        Args:
            progress: finished share of the run, 0 to 1.
        """
        if progress < self.warm_up:
            return self.learning_rate * max(progress / self.warm_up, 1e-3)
        done = min((progress - self.warm_up) / (1 - self.warm_up), 1.0)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))

    def average_decay_at(self, step: int) -> float:
        """Return the decay of the averaged weights.

        The decay is smaller in the first steps, so that the initial weights do not dominate the
        average of a short run.
        """
        return min(self.average_decay, (1 + step) / (10 + step))


def make_config(
    architecture: Architecture,
    sizes: tuple[str, ...],
    epochs: int | None,
    minutes: float | None,
    crop: int,
    batch: int,
    learning_rate: float,
    loss: tuple[float, float, float],
    seed: int,
    simulated_cameras: float = 0.0,
    frozen_statistics: bool = False,
) -> TrainConfig:
    """Create the configuration from the options of `edgeseg train`.

    Raises:
        UsageError: an option is invalid.
    """
    if (epochs is None) == (minutes is None):
        raise UsageError("the length of the run is missing. Give --epochs N or --minutes M.")
    if not all(0 <= weight < math.inf for weight in loss) or not any(loss):
        raise UsageError(
            f"--loss {loss}: weights must be at least 0, and one weight must be above 0"
        )
    multiple = architecture.multiple
    if crop % multiple:
        raise UsageError(f"--crop {crop}: '{architecture.name}' requires a multiple of {multiple}")
    working_sizes = _parse_sizes(sizes, architecture)
    first = working_sizes[0].size
    photograph_sizes = {size.size for size in working_sizes}
    photograph_sizes |= {round(first * scale / multiple) * multiple for scale in CROP_SCALES}
    return TrainConfig(
        architecture,
        preprocessing_preset("edge", first),
        working_sizes,
        tuple(sorted({max(crop, size) for size in photograph_sizes})),
        epochs=epochs,
        minutes=minutes,
        crop=crop,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
        loss=LossWeights(*loss),
        simulated_cameras=simulated_cameras,
        frozen_statistics=frozen_statistics,
    )


def _parse_sizes(texts: tuple[str, ...], architecture: Architecture) -> tuple[WorkingSize, ...]:
    if not texts:
        return (WorkingSize("default", architecture.size),)
    sizes = tuple(_parse_size(text, architecture) for text in texts)
    if len({size.name for size in sizes}) < len(sizes):
        raise UsageError(
            "--size: two working sizes have the same name. Use names, as in --size detail=1024."
        )
    return sizes


def _parse_size(text: str, architecture: Architecture) -> WorkingSize:
    name, equals, number = text.rpartition("=")
    if not number.isdecimal() or (equals and not name):
        raise UsageError(f"--size {text}: expected N or NAME=N")
    size = int(number)
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise UsageError(f"--size {text}: must be {MIN_SIZE} to {MAX_SIZE} pixels")
    if size % (multiple := architecture.multiple):
        nearest = max(1, round(size / multiple)) * multiple
        raise UsageError(
            f"--size {text}: '{architecture.name}' requires a multiple of {multiple}, "
            f"such as {nearest}"
        )
    try:
        return WorkingSize(name or "default", size)
    except ModelError as error:
        raise UsageError(f"--size {text}: {error}") from error


@dataclass
class RunSchedule:
    """Clock of a run with a given number of epochs or minutes.

    Attributes:
        config: hyperparameters.
        steps_per_epoch: number of steps in an epoch.
        started: value of `time.monotonic()` at the start of the session.
        earlier_seconds: duration of earlier sessions.
        validation_seconds: duration of the last validation.
        closing_seconds: time required after the last step, in addition to validation.
    """

    config: TrainConfig
    steps_per_epoch: int
    started: float
    earlier_seconds: float = 0.0
    validation_seconds: float = 0.0
    closing_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """Duration of all sessions in seconds, including loading and validation."""
        return self.earlier_seconds + time.monotonic() - self.started

    def progress_at(self, step: int, final_candidates: int = 1) -> float:
        """Return the finished share of the run. The share is 1 or more at the end.

        A run with --minutes reserves time for the last validations. The duration of a validation is
        proportional to the number of pixels.

        Args:
            step: number of finished steps.
            final_candidates: number of networks to validate after the last step.
        """
        if self.config.minutes is None:
            return step / ((self.config.epochs or 1) * self.steps_per_epoch)
        first_size = self.config.sizes[0].size
        relative_cost = sum((size.size / first_size) ** 2 for size in self.config.sizes)
        validations = 2 + 2 * final_candidates * relative_cost
        reserved = validations * self.validation_seconds + self.closing_seconds
        return self.seconds / max(60 * self.config.minutes - reserved, 0.001)

    def validation_is_due(self, step: int, seconds_since: float) -> bool:
        """Return whether to validate now, before the end of the run.

        With --epochs, validations are at fixed steps, so that a resumed run selects the same
        weights. With --minutes, validations are scheduled by time.

        Args:
            step: number of finished steps.
            seconds_since: time since the last validation.
        """
        if self.config.epochs is not None:
            epochs = max(1, self.config.epochs // MAX_VALIDATIONS)
            return step % (self.steps_per_epoch * epochs) == 0
        return seconds_since > max(
            VALIDATION_INTERVAL * self.validation_seconds, MIN_VALIDATION_SECONDS
        )
