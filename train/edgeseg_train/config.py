"""Hyperparameters of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg_train.checkpoint import WorkingSize
from edgeseg_train.data.augmentation import Augmentation
from edgeseg_train.network.resunet import Architecture
from edgeseg_train.training.losses import LossWeights


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
