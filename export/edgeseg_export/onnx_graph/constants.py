"""Convert weights in Constant nodes to initializers.

The exporter of PyTorch and onnxsim leave some weights in Constant nodes, such as transposed
matrices of linear layers and the layer scales of ConvNeXt. The FP16 and INT8 converters change only
initializers.
"""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

# Smaller constants, such as a scale or a shape, are not moved.
MIN_VALUES = 16


def move_constants_to_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Convert Constant nodes with at least `MIN_VALUES` float32 values to initializers, in place.

    Returns:
        The same model.
    """
    for node in list(model.graph.node):
        tensor = read_constant(node)
        if tensor is None or tensor.data_type != TensorProto.FLOAT:
            continue
        if np.prod(tensor.dims, dtype=int) >= MIN_VALUES:
            weight = model.graph.initializer.add()
            weight.CopyFrom(tensor)
            weight.name = node.output[0]
            model.graph.node.remove(node)
    return model


def read_constant(node: onnx.NodeProto) -> TensorProto | None:
    """Return the tensor of a Constant node, or None for any other node or value."""
    if node.op_type == "Constant" and node.attribute[0].name == "value":
        tensor: TensorProto = node.attribute[0].t
        return tensor
    return None


def count_weight_bytes(model: onnx.ModelProto) -> int:
    """Return the size of all weights, including weights in Constant nodes and subgraphs.

    The size of the file is not used, because the file of a small network contains mainly graph and
    metadata.
    """
    return sum(numpy_helper.to_array(tensor).nbytes for tensor in _iterate_tensors(model.graph))


def _iterate_tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        tensor = read_constant(node)
        if tensor is not None:
            yield tensor
        for attribute in node.attribute:
            for subgraph in (attribute.g, *attribute.graphs):
                yield from _iterate_tensors(subgraph)
