"""Random numbers for the augmentation of one batch."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from edgeseg_train.training.compute import CPU


class RandomSource:
    """Random numbers of a training step.

    Decisions come from NumPy, other values from PyTorch on the device of the crops. A CPU and a
    GPU give different values.

    Args:
        rng: generator for decisions; it also seeds the other generator.
        device: device of the returned tensors.
    """

    def __init__(self, rng: np.random.Generator, device: torch.device = CPU) -> None:
        self.rng = rng
        self.device = device
        self._torch = torch.Generator(device).manual_seed(int(rng.integers(2**62)))

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Return uniform float32 values of a shape."""
        return torch.empty(shape, device=self.device).uniform_(low, high, generator=self._torch)

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Return log-uniform float32 values of a shape; their median is the geometric mean."""
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def normal(self, deviation: float, *shape: int) -> Tensor:
        """Return normal float32 values of a shape with mean 0."""
        return torch.empty(shape, device=self.device).normal_(0, deviation, generator=self._torch)
