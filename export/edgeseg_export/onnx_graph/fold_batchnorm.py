"""BatchNorm folded into the convolution before it, with the same bytes on every CPU.

PyTorch's exporter folds too, but in FP32 with vector instructions that round as the CPU at hand does; here the factors
are computed in FP64, where root and quotient round alike everywhere: a checkpoint gives the same file on any machine.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

Weight = npt.NDArray[np.float64]


def fold_batch_norms(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function without the BatchNormalization nodes that directly follow a convolution nobody else reads."""
    graph = model.graph
    weights = {weight.name: weight for weight in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    readers = Counter(name for node in graph.node for name in node.input) + Counter(
        out.name for out in graph.output
    )
    for norm in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        convolution = makers.get(norm.input[0])
        if convolution is None or convolution.op_type != "Conv" or readers[norm.input[0]] > 1:
            continue
        names = (*convolution.input[1:], *norm.input[1:])
        if not all(name in weights and readers[name] == 1 for name in names):
            continue  # computed, or shared with another node
        _fold(graph, convolution, norm, weights)
    return model


def _fold(
    graph: onnx.GraphProto,
    convolution: onnx.NodeProto,
    norm: onnx.NodeProto,
    weights: dict[str, onnx.TensorProto],
) -> None:
    scale, shift, mean, variance = (_values(weights[name]) for name in norm.input[1:])
    epsilon = next(
        (attribute.f for attribute in norm.attribute if attribute.name == "epsilon"), 1e-5
    )
    factor = scale / np.sqrt(variance + epsilon)
    kernel = weights[convolution.input[1]]
    bias = (
        _values(weights[convolution.input[2]])
        if len(convolution.input) > 2
        else np.zeros_like(mean)
    )
    folded = _values(kernel) * factor.reshape(-1, 1, 1, 1)
    kernel.CopyFrom(_tensor(folded, kernel.name))
    name = convolution.input[2] if len(convolution.input) > 2 else norm.input[2]
    weights[name].CopyFrom(_tensor((bias - mean) * factor + shift, name))
    del convolution.input[2:]
    convolution.input.append(name)
    convolution.output[0] = norm.output[0]
    for unused in set(norm.input[1:]) - {name}:
        graph.initializer.remove(weights.pop(unused))
    graph.node.remove(norm)


def _values(weight: onnx.TensorProto) -> Weight:
    return numpy_helper.to_array(weight).astype(np.float64)


def _tensor(values: Weight, name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)
