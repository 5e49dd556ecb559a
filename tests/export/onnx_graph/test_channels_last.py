"""Tests of the channels-last rewrite."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg_export.onnx_graph.channels_last import convert_to_channels_last
from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx
from edgeseg_export.precision.fp16 import to_half_compute
from edgeseg_train.network.resunet import Architecture, build_network

CONFIG = PreprocessingConfig(size=32)


class ShuffledOutput(nn.Module):
    """Layers with a final PixelShuffle to one channel."""

    def __init__(self, *layers: nn.Module, side: int = 4) -> None:
        super().__init__()
        self.layers, self.shuffle = nn.Sequential(*layers), nn.PixelShuffle(side)

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, 3, H, W) to (1, 1, H, W)."""
        y: Tensor = self.shuffle(self.layers(x))
        return y


class TwoReaders(nn.Module):
    """Convolution with an output that PixelShuffle and another node read."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.shuffle = nn.Conv2d(3, 4, 2, 2), nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, 3, H, W) to (1, 1, H, W)."""
        blocks = self.convolution(x)
        both: Tensor = self.shuffle(blocks) * blocks.mean()
        return both


def trace(
    network: nn.Module, config: PreprocessingConfig = CONFIG, dynamic: bool = False
) -> onnx.ModelProto:
    photo_network = PhotoToProbability(network.eval(), config)
    return trace_to_onnx(photo_network, config.size, dynamic=dynamic)


def compute_probability(model: onnx.ModelProto, size: int = 32) -> npt.NDArray[np.float32]:
    photo = np.random.default_rng(5).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    probability: npt.NDArray[np.float32] = session.run(None, {"photo": photo})[0]
    return probability


def count_operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("skip", ["add", "concat"])
@pytest.mark.parametrize("stem", [2, 4])
def test_channels_last_of_own_network_gives_same_results(
    stem: Literal[2, 4], skip: Literal["add", "concat"]
) -> None:
    torch.manual_seed(stem)
    config = PreprocessingConfig(size=32, std=(0.5, 1, 0.25))
    architecture = Architecture("net", (8, 12), 16, stem=stem, size=32, skip=skip)
    model = trace(build_network(architecture), config)
    changed = convert_to_channels_last(model)
    assert count_operators(model)["DepthToSpace"] == 3
    operators = count_operators(changed)
    assert operators["DepthToSpace"] == operators["Mul"] == 0
    transposes = [node for node in changed.graph.node if node.op_type == "Transpose"]
    assert all(len(node.attribute[0].ints) < 6 for node in transposes)
    expected = compute_probability(model)
    assert np.ptp(expected) > 0.01
    assert np.allclose(compute_probability(changed), expected, atol=1e-5)
    assert np.allclose(compute_probability(to_half_compute(model)), expected, atol=1e-2)


def test_channels_last_does_not_change_given_model() -> None:
    model = trace(build_network(Architecture("net", (8,), 8, stem=4, size=32)))
    before = model.SerializeToString(deterministic=True)
    convert_to_channels_last(model)
    assert model.SerializeToString(deterministic=True) == before


def test_channels_last_of_dcr_mode_gives_same_results() -> None:
    layers = (nn.PixelUnshuffle(4), nn.Conv2d(48, 32, 1), nn.Conv2d(32, 16, 1))
    model = trace(ShuffledOutput(*layers))
    (node,) = (node for node in model.graph.node if node.op_type == "DepthToSpace")
    next(attribute for attribute in node.attribute if attribute.name == "mode").s = b"DCR"
    changed = convert_to_channels_last(model)
    assert count_operators(changed)["DepthToSpace"] == 0
    assert np.allclose(compute_probability(changed), compute_probability(model), atol=1e-5)


@pytest.mark.parametrize(
    "network",
    [
        TwoReaders(),
        ShuffledOutput(nn.Conv2d(3, 4, 2, 2), nn.ReLU(), side=2),
        ShuffledOutput(nn.Sigmoid(), nn.PixelUnshuffle(4), nn.Conv2d(48, 16, 1), nn.ReLU()),
        ShuffledOutput(nn.Conv2d(3, 8, 2, 2), nn.ReLU(), nn.Conv2d(8, 4, 1, groups=4), side=2),
        ShuffledOutput(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, 12, 1, groups=3),
            nn.Conv2d(12, 4, 1),
            nn.ReLU(),
            side=2,
        ),
    ],
    ids=[
        "two readers",
        "not after a convolution",
        "not of the photograph",
        "grouped convolution before shuffle",
        "grouped convolution after unshuffle",
    ],
)
def test_channels_last_leaves_other_graphs_unchanged(network: nn.Module) -> None:
    model = trace(network)
    changed = convert_to_channels_last(model)
    assert count_operators(changed) == count_operators(model)
    assert np.array_equal(compute_probability(changed), compute_probability(model))


def test_channels_last_keeps_mean_before_first_convolution() -> None:
    """The convolution pads with 0. This value is the mean only after the mean was subtracted."""
    torch.manual_seed(3)
    config = PreprocessingConfig(size=32, mean=(0.4, 0.3, 0.2), std=(0.5, 0.5, 0.5))
    model = trace(build_network(Architecture("net", (8,), 8, stem=4, size=32)), config)
    changed = convert_to_channels_last(model)
    assert count_operators(changed)["Mul"] == count_operators(model)["Mul"] == 1
    assert np.allclose(compute_probability(changed), compute_probability(model), atol=1e-5)


def test_channels_last_leaves_dynamic_size_unchanged() -> None:
    model = trace(build_network(Architecture("net", (8,), 8, stem=4, size=32)), dynamic=True)
    changed = convert_to_channels_last(model)
    assert count_operators(changed) == count_operators(model)
    assert np.array_equal(compute_probability(changed, 64), compute_probability(model, 64))
