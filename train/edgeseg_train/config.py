"""All that decides what a run computes."""

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
    """A run, before it starts.

    Attributes:
        architecture: member of the family.
        preprocessing: how photographs are fed.
        sizes: working sizes to choose a threshold for; the first is validated as the run goes on.
        photograph_sizes: working sizes that training crops come from.
        epochs: length of the run; None where `minutes` says.
        minutes: length of the run, all sittings together; None where `epochs` says.
        crop: side of a crop in pixels.
        batch: crops a step, of all processes together.
        crops_each: crops of each photograph in an epoch.
        learning_rate: AdamW's peak.
        weight_decay: AdamW's.
        warm_up: share of the run in which the rate rises.
        average: decay of the averaged weights, each step.
        clip: largest norm of the gradient.
        seed: of weights, order, crops and augmentation.
        loss: weights of the loss's terms.
        augmentation: what may happen to a crop.
        coverage: whether the truth is the share of a pixel that is vessel; else it is 0 or 1, by half of the area.
    """

    architecture: Architecture
    preprocessing: PreprocessingConfig
    sizes: tuple[WorkingSize, ...]
    photograph_sizes: tuple[int, ...]
    epochs: int | None = None
    minutes: float | None = None
    crop: int = 256
    batch: int = 8
    crops_each: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.03
    average: float = 0.999
    clip: float = 1.0
    seed: int = 0
    loss: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)
    coverage: bool = True

    def rate_at(self, progress: float) -> float:
        """Learning rate at `progress` of 0 to 1: linear warm-up, then a cosine to a hundredth of the peak."""
        if progress < self.warm_up:
            return self.learning_rate * max(progress / self.warm_up, 1e-3)
        done = min((progress - self.warm_up) / (1 - self.warm_up), 1.0)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))

    def average_at(self, step: int) -> float:
        """Decay of the averaged weights: shorter memory at first, so that a short run is not all beginning."""
        return min(self.average, (1 + step) / (10 + step))
