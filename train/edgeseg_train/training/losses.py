"""The loss: 0.5 Dice + 0.3 binary cross-entropy + 0.2 focal, over the field of view (the reference system's).

All terms take logits (N, 1, H, W), truth and field of view (N, 1, H, W) of 0 and 1, float32, and return a scalar.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


@dataclass(frozen=True)
class LossWeights:
    """How much each term counts."""

    dice: float = 0.5
    cross_entropy: float = 0.3
    focal: float = 0.2


def total_loss(
    logits: Tensor, truth: Tensor, inside: Tensor, weights: LossWeights = LossWeights()
) -> Tensor:
    """The weighted sum of the three terms."""
    logits = logits.float()
    return (
        weights.dice * dice_loss(logits, truth, inside)
        + weights.cross_entropy * cross_entropy(logits, truth, inside)
        + weights.focal * focal_loss(logits, truth, inside)
    )


def dice_loss(logits: Tensor, truth: Tensor, inside: Tensor, smooth: float = 1.0) -> Tensor:
    """1 - soft Dice, over the whole batch (Milletari et al. 2016, without squares).

    A batch and not each crop: a crop with hardly a vessel would otherwise weigh as much as a full one.
    """
    probability = logits.sigmoid() * inside
    overlap = (probability * truth).sum()
    return 1 - (2 * overlap + smooth) / (probability.sum() + (truth * inside).sum() + smooth)


def cross_entropy(logits: Tensor, truth: Tensor, inside: Tensor) -> Tensor:
    """Mean binary cross-entropy inside the field of view."""
    each = binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return _mean_inside(each, inside)


def focal_loss(
    logits: Tensor, truth: Tensor, inside: Tensor, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Mean focal loss inside the field of view (Lin et al. 2017, equation 5)."""
    each = binary_cross_entropy_with_logits(logits, truth, reduction="none")
    probability = logits.sigmoid()
    right = probability * truth + (1 - probability) * (1 - truth)
    balance = alpha * truth + (1 - alpha) * (1 - truth)
    return _mean_inside(balance * (1 - right) ** gamma * each, inside)


def _mean_inside(each: Tensor, inside: Tensor) -> Tensor:
    return (each * inside).sum() / inside.sum().clamp(min=1)
