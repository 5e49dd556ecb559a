"""Tests of the conversion of a photograph to a network's input channels."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import nn

from edgeseg.errors import ModelError
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg_export.input_channels import select_channels
from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx

RGB = torch.tensor([0.2, 0.4, 0.8]).view(1, 3, 1, 1)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ("rgb", [0.2, 0.4, 0.8]),
        ("bgr", [0.8, 0.4, 0.2]),
        ("green", [0.4]),
        ("grey", [0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.8]),
    ],
)
def test_select_channels_returns_channels_of_network(
    channels: Literal["rgb", "bgr", "green", "grey"], expected: list[float]
) -> None:
    selected = select_channels(RGB, channels)
    assert selected.flatten().tolist() == pytest.approx(expected)
    assert selected.shape == (1, len(expected), 1, 1)


@pytest.mark.parametrize(
    ("count", "channels", "advice"),
    [
        (1, "rgb", "--input-channels green"),
        (3, "grey", "--input-channels rgb"),
        (6, "rgb", "6 input channels"),
    ],
)
def test_trace_names_input_channels_that_network_expects(
    count: int, channels: Literal["rgb", "grey"], advice: str
) -> None:
    network = PhotoToProbability(
        nn.Conv2d(count, 1, 3, padding=1), PreprocessingConfig(32), input_channels=channels
    )
    with pytest.raises(ModelError, match=advice):
        trace_to_onnx(network, 32)
