"""Tests of the traced graph."""

from __future__ import annotations

import pytest
import torch

from edgeseg.errors import ModelError
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx
from edgeseg_train.network.resunet import Architecture, architecture_by_name, build_network


@pytest.mark.parametrize(
    "config",
    [
        preprocessing_preset("edge", 64),
        preprocessing_preset("reference", 64),
        PreprocessingConfig(64, std=(0.5, 2, 1)),
    ],
)
def test_photo_to_probability_normalizes_photograph(config: PreprocessingConfig) -> None:
    torch.manual_seed(0)
    network = build_network(Architecture("x", (4, 8), 8, 1, 1, "transposed", 0.1, 64)).eval()
    photo = torch.randint(0, 256, (1, 32, 32, 3), dtype=torch.uint8)
    mean = torch.tensor(config.mean).view(3, 1, 1)
    std = torch.tensor(config.std).view(3, 1, 1)
    pixels = (photo.permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.inference_mode():
        probability = PhotoToProbability(network, config)(photo)
        assert torch.allclose(probability, network(pixels).sigmoid()[:, 0], atol=1e-5)
    assert probability.shape == (1, 32, 32)


def test_trace_rejects_size_that_does_not_fit_network() -> None:
    network = build_network(architecture_by_name("tiny"))
    with pytest.raises(ModelError, match="70x70") as error:
        trace_to_onnx(PhotoToProbability(network, preprocessing_preset("edge", 70)), 70)
    assert "\n" not in str(error.value)
