"""Loss and Dice of training crops between two points of the log."""

from __future__ import annotations

import torch
from torch import Tensor


class RunningMetrics:
    """Sums that stay on the device until they are asked for, so that a GPU is not waited for at each step."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._pixels: list[Tensor] = []

    def add(self, loss: Tensor, logits: Tensor, truth: Tensor, inside: Tensor) -> None:
        """Count a step: found at probability 0.5, inside the field of view."""
        found = (logits > 0) * inside
        self._losses.append(loss)
        self._pixels.append(
            torch.stack([(found * truth).sum(), found.sum(), (truth * inside).sum()])
        )

    @property
    def loss(self) -> float:
        """Mean over steps; NaN where there were none."""
        return float(torch.stack(self._losses).mean()) if self._losses else float("nan")

    @property
    def dice(self) -> float:
        """Of all pixels together; 1 where there was no vessel to find and none was found."""
        if not self._pixels:
            return float("nan")
        both, found, there = torch.stack(self._pixels).double().sum(dim=0).tolist()
        return 2 * both / (found + there) if found + there else 1.0
