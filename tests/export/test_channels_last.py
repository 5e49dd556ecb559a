"""Blocks of pixels moved channels-last: the same function, without what keeps a network out of half precision."""

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
from edgeseg_export.onnx_graph.channels_last import channels_last
from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx
from edgeseg_export.precision.fp16 import to_half_compute
from edgeseg_train.network.resunet import Architecture, build_network


class Shuffled(nn.Module):
    """Whatever makes one channel of blocks, spread out."""

    def __init__(self, *before: nn.Module, side: int = 4) -> None:
        super().__init__()
        self.before, self.shuffle = nn.Sequential(*before), nn.PixelShuffle(side)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) -> (1, 1, H, W)."""
        y: Tensor = self.shuffle(self.before(x))
        return y


def graph_of(
    network: nn.Module, how: PreprocessingConfig | None = None, dynamic: bool = False
) -> onnx.ModelProto:
    how = how or PreprocessingConfig(size=32)
    return trace_to_onnx(PhotoToProbability(network.eval(), how), how.size, dynamic=dynamic)


def probability(model: onnx.ModelProto, size: int = 32) -> npt.NDArray[np.float32]:
    photo = np.random.default_rng(5).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: npt.NDArray[np.float32] = session.run(None, {"photo": photo})[0]
    return found


def kinds(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("skip", ["add", "concat"])
@pytest.mark.parametrize("stem", [2, 4])
def test_a_network_of_ours_stays_the_same_function(
    stem: Literal[2, 4], skip: Literal["add", "concat"]
) -> None:
    torch.manual_seed(stem)
    how = PreprocessingConfig(size=32, std=(0.5, 1, 0.25))
    model = graph_of(
        build_network(Architecture("net", (8, 12), 16, stem=stem, size=32, skip=skip)), how
    )
    changed = channels_last(model)
    assert kinds(model)["DepthToSpace"] == 3
    assert kinds(changed)["DepthToSpace"] == kinds(changed)["Mul"] == 0
    assert (
        sum(
            len(node.attribute[0].ints) == 6
            for node in changed.graph.node
            if node.op_type == "Transpose"
        )
        == 0
    )
    assert np.ptp(probability(model)) > 0.01
    assert np.allclose(probability(changed), probability(model), atol=1e-5)
    assert np.allclose(probability(to_half_compute(model)), probability(model), atol=1e-2)


def test_the_graph_that_it_is_given_stays() -> None:
    model = graph_of(build_network(Architecture("net", (8,), 8, stem=4, size=32)))
    before = model.SerializeToString(deterministic=True)
    channels_last(model)
    assert model.SerializeToString(deterministic=True) == before


def test_depth_to_space_that_reads_block_by_block() -> None:
    model = graph_of(Shuffled(nn.PixelUnshuffle(4), nn.Conv2d(48, 32, 1), nn.Conv2d(32, 16, 1)))
    (node,) = (node for node in model.graph.node if node.op_type == "DepthToSpace")
    next(attribute for attribute in node.attribute if attribute.name == "mode").s = b"DCR"
    changed = channels_last(model)
    assert kinds(changed)["DepthToSpace"] == 0
    assert np.allclose(probability(changed), probability(model), atol=1e-5)


class Twice(nn.Module):
    """Reads a convolution both in blocks and spread out."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.shuffle = nn.Conv2d(3, 4, 2, 2), nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) -> (1, 1, H, W)."""
        blocks = self.convolution(x)
        both: Tensor = self.shuffle(blocks) * blocks.mean()
        return both


@pytest.mark.parametrize(
    "network",
    [
        Twice(),
        Shuffled(nn.Conv2d(3, 4, 2, 2), nn.ReLU(), side=2),
        Shuffled(nn.Sigmoid(), nn.PixelUnshuffle(4), nn.Conv2d(48, 16, 1), nn.ReLU()),
    ],
    ids=["read twice", "not behind a convolution", "not of the photograph"],
)
def test_what_has_another_form_stays(network: nn.Module) -> None:
    model = graph_of(network)
    changed = channels_last(model)
    assert kinds(changed) == kinds(model)
    assert np.array_equal(probability(changed), probability(model))


def test_a_mean_stays_in_front_of_the_first_convolution() -> None:
    """The convolution pads with 0, which is the mean only after it was subtracted."""
    torch.manual_seed(3)
    how = PreprocessingConfig(size=32, mean=(0.4, 0.3, 0.2), std=(0.5, 0.5, 0.5))
    model = graph_of(build_network(Architecture("net", (8,), 8, stem=4, size=32)), how)
    changed = channels_last(model)
    assert kinds(changed)["Mul"] == kinds(model)["Mul"] == 1
    assert np.allclose(probability(changed), probability(model), atol=1e-5)


def test_a_free_size_stays() -> None:
    model = graph_of(build_network(Architecture("net", (8,), 8, stem=4, size=32)), dynamic=True)
    changed = channels_last(model)
    assert kinds(changed) == kinds(model)
    assert np.array_equal(probability(changed, 64), probability(model, 64))
