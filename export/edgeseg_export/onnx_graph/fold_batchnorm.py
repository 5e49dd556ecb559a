"""Fold BatchNorm into the preceding convolution, with identical results on every CPU.

The exporter of PyTorch can also fold BatchNorm, but the exporter computes in FP32 with vector
instructions, and the rounding depends on the CPU. This module computes the factors in FP64 with
square root and division. Every CPU rounds these operations identically. Therefore, a checkpoint
gives the same file on every machine.
"""

import numpy as np
import numpy.typing as npt
import onnx

from edgeseg_export.onnx_graph.graph import OnnxGraph, read_attribute

EPSILON = 1e-5  # ONNX's default for BatchNormalization


def fold_batch_norms(model: onnx.ModelProto) -> onnx.ModelProto:
    """Fold every BatchNormalization that directly follows a convolution, in place.

    A node is not folded if another node reads the output of the convolution, or if a parameter is
    computed by a node or shared by several nodes.

    Returns:
        The same model.
    """
    graph = OnnxGraph(model)
    for norm in [node for node in model.graph.node if node.op_type == "BatchNormalization"]:
        chain = graph.match_chain(norm.input[0], ["Conv"])
        if chain and graph.are_private_weights((*chain[0].input[1:], *norm.input[1:])):
            _fold(graph, chain[0], norm)
    graph.remove_unread_weights()
    return model


def _fold(graph: OnnxGraph, convolution: onnx.NodeProto, norm: onnx.NodeProto) -> None:
    scale, shift, mean, variance = (_read_float64(graph, name) for name in norm.input[1:])
    factor = scale / np.sqrt(variance + read_attribute(norm, "epsilon", EPSILON))
    if len(convolution.input) > 2:
        bias_name = convolution.input[2]
        bias = _read_float64(graph, bias_name)
    else:
        bias_name = norm.input[2]
        bias = np.zeros_like(mean)
        convolution.input.append(bias_name)
    kernel = _read_float64(graph, convolution.input[1])
    by_output = factor.reshape(-1, *[1] * (kernel.ndim - 1))
    graph.write_weight(convolution.input[1], kernel * by_output)
    graph.write_weight(bias_name, (bias - mean) * factor + shift)
    convolution.output[0] = norm.output[0]
    graph.remove_nodes(norm)


def _read_float64(graph: OnnxGraph, name: str) -> npt.NDArray[np.float64]:
    return graph.read_weight(name).astype(np.float64)
