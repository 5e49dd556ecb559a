"""Rewrite an FP32 graph so that it moves pixel blocks in channels-last layout.

PyTorch exports PixelUnshuffle as a transposition of single float values. In ONNX Runtime, this
transposition takes a sixth of the time of a frame. The input photograph is channels-last and uint8.
If whole rows of a block are moved as uint8, the transposition takes a tenth of its time.

INT8 convolutions, and FP16 convolutions on a CPU with half precision, compute in channels-last
layout. These convolutions require two transpositions around DepthToSpace (in FP16 also two casts),
and DepthToSpace prevents the fusion of the following residual sum. Therefore, DepthToSpace is
replaced with copies of whole channel vectors, which require no transposition. The network is then
channels-last from the photograph to the logits. FP32 convolutions use another layout and are faster
with DepthToSpace.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Literal, TypeAlias

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeseg_export.onnx_graph.graph import OnnxGraph, read_attribute

Rewrite: TypeAlias = Callable[[OnnxGraph, onnx.NodeProto], object]
Step: TypeAlias = tuple[Literal["Reshape", "Transpose"], tuple[int, ...]]

TO_LAST: Step = ("Transpose", (0, 2, 3, 1))
TO_FIRST: Step = ("Transpose", (0, 3, 1, 2))
# (n, h, w, block, block * channels) <-> (n, h, block, w, block * channels)
SWAP: Step = ("Transpose", (0, 1, 3, 2, 4))

# Operators between the photograph and the first convolution, in reverse order: exported
# PixelUnshuffle, scaling, conversion to float, channels first.
STEM = ("Reshape", "Transpose", "Reshape", "Mul", "Cast", "Transpose")

# Permutation of the Transpose in PixelUnshuffle.
UNSHUFFLE = (0, 1, 3, 5, 2, 4)


def gather_input_blocks(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return an equivalent FP32 graph that moves pixel blocks to channels in channels-last layout.

    The scale of the input is folded into the first convolution.
    """
    return _rewrite(model, {"Conv": _gather_blocks_and_fold_scale})


def convert_to_channels_last(model: onnx.ModelProto, fold_scale: bool = True) -> onnx.ModelProto:
    """Return an equivalent graph in channels-last layout.

    Parts with dynamic size or another structure are not changed.

    Args:
        model: exported FP32 model, which is not changed.
        fold_scale: whether to fold the photograph's scale into the first convolution. INT8 requires
            the scale before this convolution.
    """
    gather = _gather_blocks_and_fold_scale if fold_scale else _gather_blocks
    return _rewrite(model, {"Conv": gather, "DepthToSpace": _replace_depth_to_space})


def _rewrite(model: onnx.ModelProto, rewrites: Mapping[str, Rewrite]) -> onnx.ModelProto:
    rewritten = deepcopy(model)
    graph = OnnxGraph(rewritten)
    for node in list(graph.proto.node):
        if node.op_type in rewrites:
            rewrites[node.op_type](graph, node)
    graph.remove_unread_weights()
    del graph.proto.value_info[:]  # contains shapes of removed values
    return rewritten


def _replace_depth_to_space(graph: OnnxGraph, node: onnx.NodeProto) -> None:
    """Copy whole channel vectors instead of executing a DepthToSpace after a convolution."""
    shape = graph.shapes.get(node.input[0], ())
    chain = graph.match_chain(node.input[0], ["Conv"])
    if len(shape) != 4 or not all(shape) or not chain:
        return
    if read_attribute(chain[0], "group", 1) != 1:
        return
    weights = chain[0].input[1:]
    if not graph.are_private_weights(weights):
        return
    n, depth, h, w = shape
    block = read_attribute(node, "blocksize", 1)
    channels = depth // block**2
    if read_attribute(node, "mode", b"DCR") == b"CRD":
        # CRD order: all pixels of a block, channel by channel. Required order: all channels, pixel
        # by pixel.
        order = np.arange(depth).reshape(channels, block**2).T.ravel()
        for name in weights:
            graph.write_weight(name, graph.read_weight(name)[order])
    steps: tuple[Step, ...] = (
        TO_LAST,
        ("Reshape", (n, h, w, block, block * channels)),
        SWAP,
        ("Reshape", (n, h * block, w * block, channels)),
        TO_FIRST,
    )
    _insert_steps(graph, node, (node.input[0], node.output[0]), steps)
    graph.remove_nodes(node)


def _gather_blocks_and_fold_scale(graph: OnnxGraph, node: onnx.NodeProto) -> None:
    """Move pixel blocks to channels in uint8, and fold the input scale into the convolution."""
    scaling = _gather_blocks(graph, node)
    if scaling is not None:
        scale = graph.read_weight(scaling.input[1])
        graph.write_weight(node.input[1], graph.read_weight(node.input[1]) * scale)
        node.input[0] = scaling.input[0]
        graph.remove_nodes(scaling)


def _gather_blocks(graph: OnnxGraph, node: onnx.NodeProto) -> onnx.NodeProto | None:
    """Move pixel blocks to channels while the photograph is still uint8.

    Returns:
        The node that scales the blocks; None if the graph has another structure. Then the
        graph is not changed.
    """
    chain = graph.match_chain(node.input[0], STEM)
    if not chain or not graph.are_private_weights((node.input[1], chain[3].input[1])):
        return None
    if read_attribute(node, "group", 1) != 1:
        return None
    outer, transpose, inner, scaling, cast, first = chain
    photo = first.input[0]
    blocks = graph.shapes.get(transpose.input[0], ())
    if len(blocks) != 6 or not all(blocks) or photo in graph.producers:
        return None
    if tuple[int, ...](read_attribute(transpose, "perm", ())) != UNSHUFFLE:
        return None
    if tuple(read_attribute(first, "perm", ())) != TO_FIRST[1]:
        return None
    n, channels, h, block, w, _ = blocks
    kernel = graph.read_weight(node.input[1])
    by_channel = kernel.reshape(len(kernel), channels, block**2, *kernel.shape[2:])
    graph.write_weight(node.input[1], by_channel.swapaxes(1, 2).reshape(kernel.shape))
    scale = np.broadcast_to(graph.read_weight(scaling.input[1]), (1, channels, 1, 1))
    graph.write_weight(scaling.input[1], np.tile(scale, (1, block**2, 1, 1)))
    steps: tuple[Step, ...] = (
        ("Reshape", (n, h, block, w, block * channels)),
        SWAP,
        ("Reshape", (n, h, w, block**2 * channels)),
        TO_FIRST,
    )
    _insert_steps(graph, cast, (photo, cast.input[0]), steps)
    node.input[0] = scaling.output[0]
    graph.remove_nodes(first, inner, transpose, outer)
    return scaling


def _insert_steps(
    graph: OnnxGraph, before: onnx.NodeProto, ends: tuple[str, str], steps: Sequence[Step]
) -> None:
    """Insert nodes that compute the value `ends[1]` from the value `ends[0]`."""
    source, target = ends
    nodes = graph.proto.node
    position = next(index for index, node in enumerate(nodes) if node is before)
    for number, (op_type, numbers) in enumerate(steps):
        name = f"{target}.{number}"
        result = target if number == len(steps) - 1 else name
        if op_type == "Transpose":
            node = helper.make_node(op_type, [source], [result], name, perm=numbers)
        else:
            shape = numpy_helper.from_array(np.array(numbers, np.int64), f"{name}.shape")
            graph.proto.initializer.append(shape)
            node = helper.make_node(op_type, [source, shape.name], [result], name)
        nodes.insert(position + number, node)
        source = result
