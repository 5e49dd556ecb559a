"""Exponential moving average of the weights of a network."""

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


@torch.no_grad()
def update_average(averaged: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Update the exponential moving average of weights and BatchNorm statistics.

    PyTorch's AveragedModel is not used. AveragedModel stores the number of steps on the device, and
    therefore waits for the GPU in each step.

    Args:
        averaged: copy of the network with the averaged weights, changed in place.
        network: trained network.
        decay: weight of the previous average, 0 to 1.
        step: number of the training step.
    """
    weights = network.state_dict()
    averages = {
        name: weight for name, weight in averaged.state_dict().items() if weight.is_floating_point()
    }
    update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    update(list(averages.values()), [weights[name] for name in averages], step)
