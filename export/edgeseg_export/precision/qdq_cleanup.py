"""INT8 graph -> the same function, in which what only moves values moves bytes.

The quantiser puts a pair of QuantizeLinear and DequantizeLinear around every node. ONNX Runtime takes most of them away
again, OpenVINO computes them. Around a node that moves values they do nothing: it moves the bytes.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeseg_export.onnx_graph.trace import drop_unread, in_order

MOVING = ("Reshape", "Transpose", "Squeeze")


def remove_redundant_qdq(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function, to the bit."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = _Graph(changed.graph)
    for node in list(changed.graph.node):
        if node.op_type in MOVING:
            graph.move_bytes(node)
        elif node.op_type == "QuantizeLinear":
            graph.take_bytes(node)
    drop_unread(graph.proto)
    return in_order(changed)


def photograph_range(model: onnx.ModelProto) -> tuple[str, float] | None:
    """Name of the scaled photograph, and the most that a byte gives there: known, without any photograph seen."""
    graph = _Graph(model.graph)
    mul = graph.scaled_photograph()
    return (
        (mul.output[0], 255 * float(graph.weights[mul.input[1]].max())) if mul is not None else None
    )


class _Graph:
    """Who makes and reads what."""

    def __init__(self, proto: onnx.GraphProto) -> None:
        self.proto = proto
        self.weights = {weight.name: numpy_helper.to_array(weight) for weight in proto.initializer}
        self.makers = {name: node for node in proto.node for name in node.output}
        self.readers = Counter(name for node in proto.node for name in node.input)
        self.readers.update(value.name for value in proto.output)

    def move_bytes(self, mover: onnx.NodeProto) -> None:
        """Take away the pair around it, if both halves say the same."""
        before = self.makers.get(mover.input[0])
        after = next((node for node in self.proto.node if mover.output[0] in node.input), None)
        if (
            before is None
            or after is None
            or self.readers[mover.output[0]] != 1
            or self.readers[before.output[0]] != 1
        ):
            return
        if (before.op_type, after.op_type) != (
            "DequantizeLinear",
            "QuantizeLinear",
        ) or not self._agree(before, after):
            return
        mover.input[0], mover.output[0] = before.input[0], after.output[0]
        self.makers[mover.output[0]] = mover
        self.proto.node.remove(before)
        self.proto.node.remove(after)

    def _agree(self, one: onnx.NodeProto, other: onnx.NodeProto) -> bool:
        """Whether both have the same scale and zero point, one of each for all values."""
        return len(one.input) == len(other.input) == 3 and all(
            a in self.weights
            and b in self.weights
            and self.weights[a].size == 1
            and self.weights[a].dtype == self.weights[b].dtype
            and np.array_equal(self.weights[a], self.weights[b])
            for a, b in zip(one.input[1:], other.input[1:], strict=True)
        )

    def take_bytes(self, quantise: onnx.NodeProto) -> None:
        """A photograph's bytes, cast and scaled and made the same bytes again, are only told their scale.

        ONNX Runtime leaves out what is said and taken back; OpenVINO needs the QuantizeLinear, without which it
        computes the first convolution in float.
        """
        mul = self.scaled_photograph()
        if mul is None or mul.output[0] != quantise.input[0] or self.readers[mul.output[0]] != 1:
            return
        cast, scale = self.makers[mul.input[0]], self.weights[mul.input[1]]
        step, zero = (self.weights[name] for name in quantise.input[1:3])
        if (
            self.readers[cast.output[0]] != 1
            or zero.dtype != np.uint8
            or zero != 0
            or not np.allclose(scale, step)
        ):
            return
        inputs, name = [cast.input[0], *quantise.input[1:]], f"{mul.name}_bytes"
        self.proto.node.append(helper.make_node("DequantizeLinear", inputs, list(mul.output), name))
        self.proto.node.remove(cast)
        self.proto.node.remove(mul)

    def scaled_photograph(self) -> onnx.NodeProto | None:
        """The node that scales the photograph, once it is float, by a weight."""
        return next((node for node in self.proto.node if self._scales_photograph(node)), None)

    def _scales_photograph(self, node: onnx.NodeProto) -> bool:
        cast = (
            self.makers.get(node.input[0])
            if node.op_type == "Mul" and node.input[1] in self.weights
            else None
        )
        return cast is not None and cast.op_type == "Cast" and self._is_photograph(cast.input[0])

    def _is_photograph(self, name: str) -> bool:
        """Whether these are the bytes that the network is given, however they were moved."""
        while (node := self.makers.get(name)) is not None and node.op_type in MOVING:
            name = node.input[0]
        return any(
            v.name == name and v.type.tensor_type.elem_type == TensorProto.UINT8
            for v in self.proto.input
        )
