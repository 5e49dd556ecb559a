"""BatchNorm folded into convolutions: the same function, without the node, and with the formula's own bytes."""

from __future__ import annotations

import io

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from edgeseg_export.onnx_graph.fold_batchnorm import fold_batch_norms


def exported(network: nn.Module, photo: torch.Tensor) -> onnx.ModelProto:
    buffer = io.BytesIO()
    mode = torch.onnx.TrainingMode.PRESERVE
    torch.onnx.export(
        network.eval(),
        (photo,),
        buffer,  # type: ignore[arg-type]
        input_names=["x"],
        dynamo=False,
        training=mode,
    )
    return onnx.load_from_string(buffer.getvalue())


def moved(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    for values in (norm.weight.data, norm.bias.data, norm.running_mean):
        assert values is not None
        values.normal_(1, 0.3)
    assert norm.running_var is not None
    norm.running_var.uniform_(0.2, 2)
    return norm


@pytest.mark.parametrize("bias", [True, False])
def test_the_function_stays_and_the_node_goes(bias: bool) -> None:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, bias=bias), moved(nn.BatchNorm2d(8)), nn.ReLU())
    photo = torch.randn(1, 3, 12, 10)
    model = fold_batch_norms(exported(network, photo))
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu"]
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(None, {"x": photo.numpy()})
    with torch.inference_mode():
        assert np.allclose(found, network(photo).numpy(), atol=1e-5)


def test_the_bytes_are_the_formulas() -> None:
    torch.manual_seed(2)
    convolution, norm = nn.Conv2d(3, 4, 1, bias=False), moved(nn.BatchNorm2d(4))
    model = fold_batch_norms(exported(nn.Sequential(convolution, norm), torch.randn(1, 3, 4, 4)))
    kernel, scale, variance = (
        t.detach().double().numpy()
        for t in (convolution.weight, norm.weight, norm.running_var)
        if t is not None
    )
    factor = scale / np.sqrt(variance + np.float64(np.float32(norm.eps)))
    wanted = (kernel * factor.reshape(-1, 1, 1, 1)).astype(np.float32)
    found = next(w for w in model.graph.initializer if list(w.dims) == [4, 3, 1, 1])
    assert np.array_equal(numpy_helper.to_array(found), wanted)


def test_a_convolution_that_others_read_is_left_alone() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(3, 4, 1), moved(nn.BatchNorm2d(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.convolution(x)
            both: torch.Tensor = y + self.norm(y)
            return both

    model = fold_batch_norms(exported(Twice(), torch.randn(1, 3, 4, 4)))
    assert sorted(node.op_type for node in model.graph.node) == [
        "Add",
        "BatchNormalization",
        "Conv",
    ]
