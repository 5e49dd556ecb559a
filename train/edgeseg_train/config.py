"""Hyperparameters and schedule of a training run."""

import math
import time
from dataclasses import dataclass, field

from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg_train.checkpoint import WorkingSize
from edgeseg_train.data.augmentation import Augmentation
from edgeseg_train.network.resunet import Architecture
from edgeseg_train.training.losses import LossWeights

# Maximum number of validations in a run of fixed epochs.
MAX_VALIDATIONS = 50

# Run of fixed minutes: time between validations, as a multiple of a validation's duration.
VALIDATION_INTERVAL = 12

# Run of fixed minutes: minimum time between validations.
MIN_VALIDATION_SECONDS = 12.0


@dataclass(frozen=True)
class TrainConfig:
    """Everything that determines the result of a training run.

    Attributes:
        architecture: network to train.
        preprocessing: preprocessing of photographs.
        sizes: working sizes that get a threshold; the first is validated during the run.
        photograph_sizes: working sizes that training crops are taken from.
        epochs: length of the run in epochs; None if `minutes` is given.
        minutes: length of all sessions together in minutes; None if `epochs` is given.
        crop: side of a crop in pixels.
        batch: number of crops in a step, all processes together.
        crops_per_photograph: number of crops from each photograph in an epoch.
        learning_rate: peak learning rate of AdamW.
        weight_decay: weight decay of AdamW.
        warm_up: share of the run in which the learning rate rises.
        average_decay: decay of the averaged weights in each step.
        max_gradient_norm: norm that gradients are clipped to.
        seed: seed of weights, crop order and augmentation.
        loss: weights of the loss terms.
        augmentation: augmentation of crops.
        coverage: whether the truth is the vessel share of each pixel; otherwise it is 1 where the
            share is above one half, else 0.
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
    coverage: bool = True

    def learning_rate_at(self, progress: float) -> float:
        """Return the learning rate: linear warm-up, then a cosine down to 1 % of the peak.

        Args:
            progress: finished share of the run, 0 to 1.
        """
        if progress < self.warm_up:
            return self.learning_rate * max(progress / self.warm_up, 1e-3)
        done = min((progress - self.warm_up) / (1 - self.warm_up), 1.0)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))

    def average_decay_at(self, step: int) -> float:
        """Return the decay of the averaged weights.

        The decay is smaller in the first steps, so that the average of a short run is not
        dominated by its initial weights.
        """
        return min(self.average_decay, (1 + step) / (10 + step))


class RunSchedule:
    """Clock of a run of fixed epochs or fixed minutes.

    Args:
        config: hyperparameters.
        steps_per_epoch: number of steps in an epoch.
        started: start of the session as `time.monotonic()`; default is now.

    Attributes:
        earlier_seconds: duration of earlier sessions.
        validation_seconds: duration of the last validation.
        closing_seconds: time needed after the last step, besides validation.
    """

    def __init__(
        self, config: TrainConfig, steps_per_epoch: int, started: float | None = None
    ) -> None:
        self.config = config
        self.steps_per_epoch = steps_per_epoch
        self.earlier_seconds = 0.0
        self.validation_seconds = 0.0
        self.closing_seconds = 0.0
        self._started = time.monotonic() if started is None else started

    @property
    def seconds(self) -> float:
        """Duration of all sessions, loading and validation included."""
        return self.earlier_seconds + time.monotonic() - self._started

    def progress_at(self, step: int, final_candidates: int = 1) -> float:
        """Return the finished share of the run; 1 or more at its end.

        A run of fixed minutes reserves time for the last validations. At other working sizes they
        take longer, in proportion to the pixels.

        Args:
            step: number of finished steps.
            final_candidates: number of networks that are validated after the last step.
        """
        if self.config.minutes is None:
            return step / ((self.config.epochs or 1) * self.steps_per_epoch)
        first_size = self.config.sizes[0].size
        relative_cost = sum((size.size / first_size) ** 2 for size in self.config.sizes)
        validations = 2 + 2 * final_candidates * relative_cost
        reserved = validations * self.validation_seconds + self.closing_seconds
        return self.seconds / max(60 * self.config.minutes - reserved, 1.0)

    def validation_is_due(self, step: int, seconds_since: float) -> bool:
        """Return whether to validate before the end of the run.

        A run of fixed epochs validates at fixed steps, so that a resumed run selects the same
        weights. A run of fixed minutes validates by time.

        Args:
            step: number of finished steps.
            seconds_since: time since the last validation.
        """
        if self.config.epochs is not None:
            epochs = max(1, self.config.epochs // MAX_VALIDATIONS)
            return step % (self.steps_per_epoch * epochs) == 0
        interval = max(VALIDATION_INTERVAL * self.validation_seconds, MIN_VALIDATION_SECONDS)
        return seconds_since > interval
