"""Loss of ResUNet-Deeper in the field of view: 0.5 Dice + 0.3 cross-entropy + 0.2 focal loss.

The arguments of all terms are logits, mask (0 to 1) and field of view (0 to 1), each (N, 1, H, W)
float32. The result is a scalar.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


@dataclass(frozen=True)
class LossWeights:
    """Weights of the three terms of the loss."""

    dice: float = 0.5
    cross_entropy: float = 0.3
    focal: float = 0.2


def total_loss(
    logits: Tensor, truth: Tensor, inside: Tensor, weights: LossWeights = LossWeights()
) -> Tensor:
    """Compute the weighted sum of the three terms."""
    logits = logits.float()
    return (
        weights.dice * dice_loss(logits, truth, inside)
        + weights.cross_entropy * cross_entropy(logits, truth, inside)
        + weights.focal * focal_loss(logits, truth, inside)
    )


def dice_loss(logits: Tensor, truth: Tensor, inside: Tensor, smooth: float = 1.0) -> Tensor:
    """Compute 1 - soft Dice over the whole batch (Milletari et al. 2016, without squares).

    Dice is not averaged over crops. Otherwise, a crop with few vessel pixels would have the same
    weight as a crop with many vessel pixels.
    """
    probability = logits.sigmoid() * inside
    overlap = (probability * truth).sum()
    return 1 - (2 * overlap + smooth) / (probability.sum() + (truth * inside).sum() + smooth)


def cross_entropy(logits: Tensor, truth: Tensor, inside: Tensor) -> Tensor:
    """Compute the mean binary cross-entropy inside the field of view."""
    return _mean_inside(binary_cross_entropy_with_logits(logits, truth, reduction="none"), inside)


def focal_loss(
    logits: Tensor, truth: Tensor, inside: Tensor, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Compute the mean focal loss inside the field of view (Lin et al. 2017, equation 5)."""
    per_pixel = binary_cross_entropy_with_logits(logits, truth, reduction="none")
    probability = logits.sigmoid()
    correct = probability * truth + (1 - probability) * (1 - truth)
    balance = alpha * truth + (1 - alpha) * (1 - truth)
    return _mean_inside(balance * (1 - correct) ** gamma * per_pixel, inside)


def _mean_inside(per_pixel: Tensor, inside: Tensor) -> Tensor:
    return (per_pixel * inside).sum() / inside.sum().clamp(min=1)


class RunningMetrics:
    """Loss and Dice of training crops since the last log entry.

    The sums remain on the device until they are read, so that no step waits for the GPU.
    """

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._pixel_counts: list[Tensor] = []

    def add(self, loss: Tensor, logits: Tensor, truth: Tensor, inside: Tensor) -> None:
        """Add a step. The mask is predicted at probability 0.5, inside the field of view."""
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
