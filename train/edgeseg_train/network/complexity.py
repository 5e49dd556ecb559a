"""What a network costs: parameters and multiply-accumulates."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_gmac(network: nn.Module, size: int) -> float:
    """Multiply-accumulates of one `size` x `size` photograph, in thousand millions; convolutions and matrix products.

    Counted on the `meta` device: shapes are followed, nothing is computed.
    """
    ghost = _on_meta(network)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        ghost(torch.zeros(1, 3, size, size, device="meta"))
    return float(counter.get_total_flops()) / 2e9  # the counter takes a multiply-accumulate for two


def _on_meta(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).eval().to("meta")
