"""Loss terms, compared with manual calculations."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import Tensor

from edgeseg_train.training.losses import (
    LossWeights,
    cross_entropy,
    dice_loss,
    focal_loss,
    total_loss,
)

QUARTERS = log(3)  # the logit of a probability of 3/4


def row(*values: float) -> Tensor:
    """Return a tensor (1, 1, 1, W)."""
    return torch.tensor([[[values]]], dtype=torch.float32)


def test_dice_loss_matches_manual_calculation() -> None:
    # Probabilities 1/2 and 1/2, one vessel: 1 - (2 * 1/2 + 1) / (1 + 1 + 1).
    assert dice_loss(row(0, 0), row(1, 0), row(1, 1)).item() == pytest.approx(1 / 3)
    # As above, with the background outside: 1 - (1 + 1) / (1/2 + 1 + 1).
    assert dice_loss(row(0, 0), row(1, 0), row(1, 0)).item() == pytest.approx(1 / 5)
    # Probabilities 3/4 and 1/4 without smoothing: 1 - 2 * 3/4 / (1 + 1).
    assert dice_loss(
        row(QUARTERS, -QUARTERS), row(1, 0), row(1, 1), smooth=0
    ).item() == pytest.approx(1 / 4)


def test_dice_loss_of_perfect_or_empty_prediction_is_0() -> None:
    assert dice_loss(row(50, -50), row(1, 0), row(1, 1)).item() == pytest.approx(0, abs=1e-6)
    assert dice_loss(row(-50, -50), row(0, 0), row(1, 1)).item() == pytest.approx(0, abs=1e-6)


def test_dice_loss_sums_over_whole_batch() -> None:
    logits, truth = torch.randn(4, 1, 3, 3), (torch.rand(4, 1, 3, 3) > 0.5).float()
    together = dice_loss(
        logits.reshape(1, 1, 12, 3), truth.reshape(1, 1, 12, 3), torch.ones(1, 1, 12, 3)
    )
    assert dice_loss(logits, truth, torch.ones_like(truth)).item() == pytest.approx(together.item())


def test_cross_entropy_matches_manual_calculation() -> None:
    assert cross_entropy(row(0), row(1), row(1)).item() == pytest.approx(log(2))
    both = cross_entropy(row(QUARTERS, QUARTERS), row(1, 0), row(1, 1)).item()
    assert both == pytest.approx((log(4 / 3) + log(4)) / 2)
    assert cross_entropy(row(QUARTERS, QUARTERS), row(1, 0), row(0, 1)).item() == pytest.approx(
        log(4)
    )


def test_focal_loss_matches_manual_calculation() -> None:
    vessel = 0.25 * (1 / 4) ** 2 * log(4 / 3)
    background = 0.75 * (3 / 4) ** 2 * log(4)
    assert focal_loss(row(QUARTERS), row(1), row(1)).item() == pytest.approx(vessel)
    assert focal_loss(row(QUARTERS), row(0), row(1)).item() == pytest.approx(background)
    both = focal_loss(row(QUARTERS, QUARTERS, 9), row(1, 0, 0), row(1, 1, 0)).item()
    assert both == pytest.approx((vessel + background) / 2)


def test_focal_loss_with_gamma_0_is_cross_entropy() -> None:
    logits, truth = torch.randn(2, 1, 5, 5), (torch.rand(2, 1, 5, 5) > 0.7).float()
    inside = torch.ones_like(truth)
    plain = focal_loss(logits, truth, inside, alpha=0.5, gamma=0).item()
    assert plain == pytest.approx(cross_entropy(logits, truth, inside).item() / 2)


def test_total_loss_is_weighted_sum_of_terms() -> None:
    logits, truth, inside = row(QUARTERS, -1, 2), row(1, 0, 0), row(1, 1, 1)
    terms = [f(logits, truth, inside).item() for f in (dice_loss, cross_entropy, focal_loss)]
    expected = 0.5 * terms[0] + 0.3 * terms[1] + 0.2 * terms[2]
    assert total_loss(logits, truth, inside).item() == pytest.approx(expected)
    only = total_loss(logits, truth, inside, LossWeights(0, 2, 0)).item()
    assert only == pytest.approx(2 * terms[1])


def test_total_loss_ignores_pixels_outside_field_of_view() -> None:
    logits = torch.randn(2, 1, 6, 6, requires_grad=True)
    truth, inside = (torch.rand(2, 1, 6, 6) > 0.5).float(), (torch.rand(2, 1, 6, 6) > 0.4).float()
    loss = total_loss(logits, truth, inside)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert not gradient[inside == 0].any()
    assert gradient[inside == 1].all()
    other = torch.where(inside == 1, truth, 1 - truth)
    assert total_loss(logits, other, inside).item() == pytest.approx(loss.item())


def test_total_loss_without_field_of_view_is_0() -> None:
    logits = torch.randn(1, 1, 4, 4, requires_grad=True)
    loss = total_loss(logits, torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_total_loss_of_extreme_logits_is_finite(dtype: torch.dtype) -> None:
    logits = row(1e4, -1e4, 1e4, -1e4).to(dtype).requires_grad_()
    loss = total_loss(logits, row(1, 1, 0, 0), row(1, 1, 1, 1))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
