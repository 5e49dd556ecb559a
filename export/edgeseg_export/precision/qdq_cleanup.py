"""Remove redundant QuantizeLinear and DequantizeLinear pairs from an INT8 graph.

The quantizer inserts a pair around every node. A pair around a node that only moves values is
redundant, because the node can also move INT8 values. ONNX Runtime removes most redundant pairs
when it loads a file, but OpenVINO computes them.
"""

from copy import deepcopy

import numpy as np
import onnx
from onnx import helper

from edgeseg_export.onnx_graph.graph import OnnxGraph, sort_nodes

MOVING_OPERATORS = ("Reshape", "Transpose", "Squeeze")


def remove_redundant_qdq(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model without the redundant pairs. The results of the model do not change."""
    cleaned = deepcopy(model)
    graph = OnnxGraph(cleaned)
    for node in list(graph.proto.node):
        if node.op_type in MOVING_OPERATORS:
            _remove_qdq_around(graph, node)
        elif node.op_type == "QuantizeLinear":
            _fold_input_quantize(graph, node)
    graph.remove_unread_weights()
    return sort_nodes(cleaned)


def find_input_maximum(model: onnx.ModelProto) -> dict[str, float]:
    """Return a dict from the name of the scaled photograph's tensor to its largest possible value.

    The dict is empty if the photograph is not scaled. The value is known without calibration,
    because the input is uint8.
    """
    graph = OnnxGraph(model)
    scaling = _find_input_scaling(graph)
    if scaling is None:
        return {}
    return {scaling.output[0]: 255 * float(graph.read_weight(scaling.input[1]).max())}


def _remove_qdq_around(graph: OnnxGraph, node: onnx.NodeProto) -> None:
    """Remove the pair around a node that only moves values, if the pair has equal scales."""
    before = graph.match_chain(node.input[0], ["DequantizeLinear"])
    after = graph.get_only_reader(node.output[0])
    if not before or after is None or after.op_type != "QuantizeLinear":
        return
    if not _have_equal_scale(graph, before[0], after):
        return
    node.input[0] = before[0].input[0]
    node.output[0] = after.output[0]
    graph.producers[node.output[0]] = node
    graph.remove_nodes(before[0], after)


def _have_equal_scale(graph: OnnxGraph, first: onnx.NodeProto, second: onnx.NodeProto) -> bool:
    """Return whether both nodes have the same scale and zero point per tensor."""
    if len(first.input) != 3 or len(second.input) != 3:
        return False
    names = (*first.input[1:], *second.input[1:])
    if not graph.weights.keys() >= set(names):
        return False
    scale, zero, other_scale, other_zero = map(graph.read_weight, names)
    if scale.size != 1 or zero.size != 1 or zero.dtype != other_zero.dtype:
        return False
    return np.array_equal(scale, other_scale) and np.array_equal(zero, other_zero)


def _fold_input_quantize(graph: OnnxGraph, quantize: onnx.NodeProto) -> None:
    """Replace the photograph's cast and scaling with one DequantizeLinear if the results are equal.

    ONNX Runtime then removes both nodes. OpenVINO requires the QuantizeLinear. Otherwise,
    OpenVINO computes the first convolution in FP32.
    """
    scaling = _find_input_scaling(graph)
    if scaling is None or graph.get_only_reader(scaling.output[0]) is not quantize:
        return
    step, zero = map(graph.read_weight, quantize.input[1:3])
    if zero.dtype != np.uint8 or zero != 0:
        return
    if not np.allclose(graph.read_weight(scaling.input[1]), step):
        return
    cast = graph.producers[scaling.input[0]]
    dequantize = helper.make_node(
        "DequantizeLinear",
        [cast.input[0], *quantize.input[1:]],
        list(scaling.output),
        f"{scaling.name}_bytes",
    )
    graph.proto.node.append(dequantize)
    graph.remove_nodes(cast, scaling)


def _find_input_scaling(graph: OnnxGraph) -> onnx.NodeProto | None:
    """Return the node that multiplies the photograph by a weight, after the cast to float."""
    node = graph.get_only_reader(graph.proto.input[0].name)
    while node is not None and node.op_type in MOVING_OPERATORS:
        node = graph.get_only_reader(node.output[0])
    if node is None or node.op_type != "Cast":
        return None
    scaling = graph.get_only_reader(node.output[0])
    if scaling is None or scaling.op_type != "Mul" or scaling.input[1] not in graph.weights:
        return None
    return scaling
