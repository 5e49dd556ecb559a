"""Tests of the search for working sizes that a network supports."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg_export.network_output import SizeError
from edgeseg_export.onnx_graph.size_search import describe_sizes, search_sizes
from edgeseg_export.onnx_graph.trace import OPSET, PhotoToProbability, trace_to_onnx


class Pyramid(nn.Module):
    """Network that pools to 6x6 bins, as in PSPNet.

    ONNX supports this only for multiples of 6 pixels.
    """

    def forward(self, x: Tensor) -> Tensor:
        features = functional.avg_pool2d(x[:, :1], 8)
        bins = functional.adaptive_avg_pool2d(features, 6)
        return functional.interpolate(bins, x.shape[2:], mode="bilinear")


class FixedSize(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != 384:
            raise ValueError(f"image size {x.shape[-1]} does not match the model (384)")
        return x[:, :1]


class Skip(nn.Module):
    """Network that joins maps of two sizes, as in a U-Net."""

    def forward(self, x: Tensor) -> Tensor:
        small = functional.max_pool2d(x, 16)
        return torch.cat([x, functional.interpolate(small, scale_factor=16)], 1)[:, :1]


@pytest.mark.parametrize(
    ("network", "size", "problem", "expected"),
    [
        (Pyramid(), 128, "not a factor of the input size", [144, 96]),
        (FixedSize(), 500, "does not match the model (390)", [384]),
        (FixedSize(), 1000, "does not match the model (384)", [384]),
        (Skip(), 100, "expected size 100 but got size 96", [96, 112]),
    ],
)
def test_search_sizes_returns_sizes_that_can_be_exported(
    network: nn.Module, size: int, problem: str, expected: list[int]
) -> None:
    wrapped = PhotoToProbability(network, PreprocessingConfig(size)).eval()
    assert search_sizes(wrapped, size, OPSET, problem) == expected


def test_failed_export_does_not_print_graph(capfd: pytest.CaptureFixture[str]) -> None:
    torch._C._jit_set_onnx_log_enabled(True)  # as if another program exported the network before
    wrapped = PhotoToProbability(Pyramid(), PreprocessingConfig(128)).eval()
    with pytest.raises(SizeError):
        trace_to_onnx(wrapped, 128)
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


def test_describe_sizes_lists_tried_sizes_if_none_works() -> None:
    wrapped = PhotoToProbability(nn.Flatten(), PreprocessingConfig(64)).eval()
    assert "512" in describe_sizes(wrapped, 64, OPSET, "")
