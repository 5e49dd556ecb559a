"""Complexity of networks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgeseg_train.network.complexity import count_gmac
from edgeseg_train.network.resunet import architecture_by_name, build_network


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (nn.Conv2d(3, 16, 3, padding=1), 32 * 32 * 16 * 3 * 9),
        (nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False), 16 * 16 * 16 * 3 * 9),
        (nn.ConvTranspose2d(3, 8, 2, stride=2), 32 * 32 * 3 * 8 * 4),
        (nn.MaxPool2d(2), 0),
    ],
)
def test_count_gmac_of_single_layer_matches_manual_calculation(layer: nn.Module, macs: int) -> None:
    assert count_gmac(layer, 32) * 1e9 == pytest.approx(macs)


def test_count_gmac_does_not_change_the_network() -> None:
    network = build_network(architecture_by_name("tiny")).train()
    before = {key: weight.clone() for key, weight in network.state_dict().items()}
    count_gmac(network, 64)
    assert network.training
    assert all(torch.equal(weight, before[key]) for key, weight in network.state_dict().items())
