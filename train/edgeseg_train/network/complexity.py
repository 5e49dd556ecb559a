"""Complexity of a network: parameters and multiply-accumulates."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_gmac(network: nn.Module, size: int) -> float:
    """Return the GMACs of convolutions and matrix products for one `size` x `size` image.

    The network runs on the `meta` device, which only propagates shapes.
    """
    meta_network = copy.deepcopy(network).eval().to("meta")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        meta_network(torch.zeros(1, 3, size, size, device="meta"))
    return float(counter.get_total_flops()) / 2e9  # a multiply-accumulate counts as two
