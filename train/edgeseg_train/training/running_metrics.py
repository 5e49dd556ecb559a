"""Loss and Dice of training crops since the last log entry."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class RunningMetrics:
    """Sums that stay on the device until they are read, so that no step waits for the GPU."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._pixel_counts: list[Tensor] = []

    def add(self, loss: Tensor, logits: Tensor, truth: Tensor, inside: Tensor) -> None:
        """Add a step; vessels are predicted at probability 0.5, inside the field of view."""
        predicted = (logits > 0) * inside
        counts = ((predicted * truth).sum(), predicted.sum(), (truth * inside).sum())
        self._losses.append(loss)
        self._pixel_counts.append(torch.stack(counts))

    @property
    def loss(self) -> float:
        """Mean loss over the steps; NaN before the first step."""
        return float(torch.stack(self._losses).mean()) if self._losses else math.nan

    @property
    def dice(self) -> float:
        """Dice over all pixels; 1 if there are no vessels, NaN before the first step."""
        if not self._pixel_counts:
            return math.nan
        overlap, predicted, true = torch.stack(self._pixel_counts).double().sum(dim=0).tolist()
        return float(2 * overlap / (predicted + true)) if predicted + true else 1.0
