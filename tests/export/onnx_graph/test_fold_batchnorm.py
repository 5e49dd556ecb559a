"""Tests of folding BatchNorm into convolutions."""

from __future__ import annotations

import io
from typing import TypeVar

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from edgeseg_export.onnx_graph.fold_batchnorm import fold_batch_norms

NormT = TypeVar("NormT", nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def export_to_onnx(network: nn.Module, photo: torch.Tensor) -> onnx.ModelProto:
    buffer = io.BytesIO()
    torch.onnx.export(
        network.eval(),
        (photo,),
        buffer,  # type: ignore[arg-type]
        input_names=["x"],
        dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE,
    )
    return onnx.load_from_string(buffer.getvalue())


def randomize(norm: NormT) -> NormT:
    for values in (norm.weight.data, norm.bias.data, norm.running_mean):
        assert values is not None
        values.normal_(1, 0.3)
    assert norm.running_var is not None
    norm.running_var.uniform_(0.2, 2)
    return norm


@pytest.mark.parametrize("bias", [True, False])
def test_fold_removes_node_and_gives_same_results(bias: bool) -> None:
    torch.manual_seed(1)
    convolution = nn.Conv2d(3, 8, 3, bias=bias)
    network = nn.Sequential(convolution, randomize(nn.BatchNorm2d(8)), nn.ReLU())
    photo = torch.randn(1, 3, 12, 10)
    model = fold_batch_norms(export_to_onnx(network, photo))
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu"]
    assert len(model.graph.initializer) == 2
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (actual,) = session.run(None, {"x": photo.numpy()})
    with torch.inference_mode():
        assert np.allclose(actual, network(photo).numpy(), atol=1e-5)


def test_fold_computes_kernel_in_float64() -> None:
    torch.manual_seed(2)
    convolution = nn.Conv2d(3, 4, 1, bias=False)
    norm = randomize(nn.BatchNorm2d(4))
    network = nn.Sequential(convolution, norm)
    model = fold_batch_norms(export_to_onnx(network, torch.randn(1, 3, 4, 4)))
    assert norm.running_var is not None
    kernel = convolution.weight.detach().double().numpy()
    scale = norm.weight.detach().double().numpy()
    variance = norm.running_var.double().numpy()
    factor = scale / np.sqrt(variance + np.float64(np.float32(norm.eps)))
    expected = (kernel * factor.reshape(-1, 1, 1, 1)).astype(np.float32)
    actual = next(w for w in model.graph.initializer if list(w.dims) == [4, 3, 1, 1])
    assert np.array_equal(numpy_helper.to_array(actual), expected)


def test_fold_keeps_node_if_another_node_reads_convolution() -> None:
    class TwoReaders(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(3, 4, 1), randomize(nn.BatchNorm2d(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.convolution(x)
            both: torch.Tensor = y + self.norm(y)
            return both

    model = fold_batch_norms(export_to_onnx(TwoReaders(), torch.randn(1, 3, 4, 4)))
    operators = sorted(node.op_type for node in model.graph.node)
    assert operators == ["Add", "BatchNormalization", "Conv"]


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (nn.Sequential(nn.Conv1d(3, 4, 3), randomize(nn.BatchNorm1d(4))), (1, 3, 12)),
        (nn.Sequential(nn.Conv3d(3, 4, 3), randomize(nn.BatchNorm3d(4))), (1, 3, 6, 5, 4)),
    ],
    ids=["1d", "3d"],
)
def test_fold_of_other_dimensions_gives_same_results(
    network: nn.Module, shape: tuple[int, ...]
) -> None:
    photo = torch.randn(*shape)
    model = fold_batch_norms(export_to_onnx(network, photo))
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (actual,) = session.run(None, {"x": photo.numpy()})
    with torch.inference_mode():
        assert np.allclose(actual, network(photo).numpy(), atol=1e-5)
