"""Conversion of a normalized RGB photograph to the input channels of a network."""

import re
from typing import Literal, TypeAlias

import torch
from torch import Tensor

InputChannels: TypeAlias = Literal["rgb", "bgr", "green", "grey"]

# Luma weights of ITU-R BT.601. OpenCV and Pillow use them to convert RGB to grey.
GREY_WEIGHTS = (0.299, 0.587, 0.114)

# Error messages of convolutions in PyTorch and of patch embeddings in transformers.
CHANNEL_ERRORS = (
    re.compile(r"expected input\[1, (?P<given>\d+),.*\] to have (?P<expected>\d+) channels"),
    re.compile(r"channel dimension.*Expected (?P<expected>\d+) but got (?P<given>\d+)"),
)


def select_channels(rgb: Tensor, channels: InputChannels) -> Tensor:
    """Select or compute the network's input channels.

    Args:
        rgb: (1, 3, H, W) float32, normalized with the mean and standard deviation of each channel.
        channels: channels of the network's input.

    Returns:
        (1, 3, H, W) for `rgb` and `bgr`, (1, 1, H, W) for `green` and `grey`.
    """
    if channels == "bgr":
        return rgb[:, [2, 1, 0]]
    if channels == "green":
        return rgb[:, 1:2]
    if channels == "grey":
        weights = torch.tensor(GREY_WEIGHTS).view(1, 3, 1, 1)
        return (rgb * weights).sum(1, keepdim=True)
    return rgb


def explain_channels(error: Exception, channels: InputChannels) -> str | None:
    """Explain an error about the number of input channels. Return None for any other error."""
    for pattern in CHANNEL_ERRORS:
        match = pattern.search(str(error))
        given = 3 if channels in ("rgb", "bgr") else 1
        if match is None or int(match["given"]) != given:
            continue
        expected = int(match["expected"])
        text = f"the network expects {expected} input channels, but gets {given} ({channels})."
        if expected == 1:
            return f"{text} Give --input-channels green or --input-channels grey."
        if expected == 3:
            return f"{text} Give --input-channels rgb or --input-channels bgr."
        return (
            f"{text} Networks with 1 or 3 input channels can be converted. Use a factory in --arch "
            f"whose network computes its {expected} channels from RGB."
        )
    return None
