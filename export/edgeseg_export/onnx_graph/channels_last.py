"""FP32 graph -> the same function, which moves blocks of pixels channels-last.

The photograph comes channels-last, as bytes. PyTorch's PixelUnshuffle moves it value by value once it is float, which
took ONNX Runtime a sixth of a frame; as bytes, and a block's whole row at a time, it takes a tenth of that.

Where convolutions are computed channels-last (FP16 on a CPU with half precision, INT8 everywhere) DepthToSpace costs
two transpositions (and two casts in FP16), and keeps the residual sum behind it out of its convolution. Written as
copies of whole channel vectors it needs none of that, and the network stays channels-last from the photograph to the
logits. FP32 convolutions have a layout of their own and are quicker with DepthToSpace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from edgeseg_export.onnx_graph.trace import drop_unread

Change: TypeAlias = Callable[["_Graph", onnx.NodeProto], object]
Step: TypeAlias = tuple[Literal["Reshape", "Transpose"], tuple[int, ...]]

TO_LAST: Step = ("Transpose", (0, 2, 3, 1))
TO_FIRST: Step = ("Transpose", (0, 3, 1, 2))
SWAP: Step = ("Transpose", (0, 1, 3, 2, 4))
"""(n, h, w, block, block * channels) <-> (n, h, block, w, block * channels)."""

STEM = ("Reshape", "Transpose", "Reshape", "Mul", "Cast", "Transpose")
"""First convolution to photograph: PixelUnshuffle as PyTorch exports it, scale, float, channels first."""
UNSHUFFLE = (0, 1, 3, 5, 2, 4)


def gathered(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function, the photograph's blocks gathered channels-last; else as `channels_last`."""
    return _changed(model, {"Conv": _gather_scaled})


def channels_last(model: onnx.ModelProto, scaled: bool = True) -> onnx.ModelProto:
    """The same function; what has a free size or another form stays as it is.

    Args:
        model: as exported, FP32.
        scaled: the photograph's scale goes into the first convolution; else it stays in front of it, as INT8 wants it.
    """
    return _changed(model, {"Conv": _gather_scaled if scaled else _gather, "DepthToSpace": _spread})


def _changed(model: onnx.ModelProto, changes: Mapping[str, Change]) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = _Graph.of(changed)
    for node in list(changed.graph.node):
        if node.op_type in changes:
            changes[node.op_type](graph, node)
    drop_unread(graph.proto)
    del changed.graph.value_info[:]  # shapes of what is gone
    return changed


@dataclass(frozen=True)
class _Graph:
    """A graph, and who makes and reads what."""

    proto: onnx.GraphProto
    shapes: dict[str, tuple[int, ...]]
    weights: dict[str, onnx.TensorProto]
    makers: dict[str, onnx.NodeProto]
    readers: Counter[str]

    @classmethod
    def of(cls, model: onnx.ModelProto) -> _Graph:
        graph, known = model.graph, onnx.shape_inference.infer_shapes(model).graph
        values = (*known.input, *known.value_info, *known.output)
        return cls(
            graph,
            {
                value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
                for value in values
            },
            {weight.name: weight for weight in graph.initializer},
            {name: node for node in graph.node for name in node.output},
            Counter(name for node in graph.node for name in node.input)
            + Counter(out.name for out in graph.output),
        )

    def own(self, names: Sequence[str]) -> bool:
        """Whether these are weights that one node alone reads."""
        return all(name in self.weights and self.readers[name] == 1 for name in names)

    def chain(self, name: str, kinds: Sequence[str]) -> list[onnx.NodeProto]:
        """The nodes that lead to a value, backwards, if they are of these kinds and nobody reads what is between."""
        found: list[onnx.NodeProto] = []
        for kind in kinds:
            node = self.makers.get(name)
            if node is None or node.op_type != kind or self.readers[name] != 1:
                return []
            found.append(node)
            name = node.input[0]
        return found

    def change(self, name: str, values: npt.NDArray[np.float32]) -> None:
        """Give a weight other values."""
        self.weights[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), name))

    def move(self, before: onnx.NodeProto, source: str, target: str, steps: Sequence[Step]) -> None:
        """Insert nodes that lead from one value to another."""
        at = next(index for index, node in enumerate(self.proto.node) if node is before)
        for number, (kind, numbers) in enumerate(steps):
            name = f"{target}.{number}"
            result = target if number == len(steps) - 1 else name
            if kind == "Transpose":
                node = helper.make_node(kind, [source], [result], name, perm=numbers)
            else:
                self.proto.initializer.append(
                    numpy_helper.from_array(np.array(numbers, np.int64), f"{name}.shape")
                )
                node = helper.make_node(kind, [source, f"{name}.shape"], [result], name)
            self.proto.node.insert(at + number, node)
            source = result


def _spread(graph: _Graph, node: onnx.NodeProto) -> None:
    """DepthToSpace behind a convolution, whose channels are put in the order of the block's pixels."""
    shape = graph.shapes.get(node.input[0], ())
    chain = graph.chain(node.input[0], ["Conv"])
    if len(shape) != 4 or not all(shape) or not chain or not graph.own(chain[0].input[1:]):
        return
    block, mode = _block(node)
    n, depth, h, w = shape
    channels = depth // block**2
    if (
        mode == b"CRD"
    ):  # channel by channel the block's pixels; wanted is pixel by pixel all channels
        order = np.arange(depth).reshape(channels, block**2).T.ravel()
        for name in chain[0].input[1:]:
            graph.change(name, numpy_helper.to_array(graph.weights[name])[order])
    split: Step = ("Reshape", (n, h, w, block, block * channels))
    joined: Step = ("Reshape", (n, h * block, w * block, channels))
    graph.move(node, node.input[0], node.output[0], (TO_LAST, split, SWAP, joined, TO_FIRST))
    graph.proto.node.remove(node)


def _block(node: onnx.NodeProto) -> tuple[int, bytes]:
    """Side of a DepthToSpace's block, and its mode."""
    said = {attribute.name: attribute for attribute in node.attribute}
    return int(said["blocksize"].i), bytes(said["mode"].s) if "mode" in said else b"DCR"


def _gather_scaled(graph: _Graph, node: onnx.NodeProto) -> None:
    """The photograph's blocks become channels while they are bytes; its scale goes into the first convolution."""
    if mul := _gather(graph, node):
        kernel, scale = (
            numpy_helper.to_array(graph.weights[name]) for name in (node.input[1], mul.input[1])
        )
        graph.change(node.input[1], kernel * scale)
        node.input[0] = mul.input[0]
        graph.proto.node.remove(mul)


def _gather(graph: _Graph, node: onnx.NodeProto) -> onnx.NodeProto | None:
    """The photograph's blocks become channels while they are bytes; gives what scales them then."""
    chain = graph.chain(node.input[0], STEM)
    if not chain or not graph.own((node.input[1], chain[3].input[1])):
        return None
    outer, transpose, inner, mul, cast, first = chain
    photo, blocks = first.input[0], graph.shapes.get(transpose.input[0], ())
    known = len(blocks) == 6 and all(blocks) and photo not in graph.makers
    if not known or _perm(transpose) != UNSHUFFLE or _perm(first) != TO_FIRST[1]:
        return None
    n, channels, h, block, w, _ = blocks
    kernel, scale = (
        numpy_helper.to_array(graph.weights[name]) for name in (node.input[1], mul.input[1])
    )
    by_channel = kernel.reshape(len(kernel), channels, block**2, *kernel.shape[2:])
    graph.change(node.input[1], by_channel.swapaxes(1, 2).reshape(kernel.shape))
    graph.change(
        mul.input[1], np.tile(np.broadcast_to(scale, (1, channels, 1, 1)), (1, block**2, 1, 1))
    )
    rows: Step = ("Reshape", (n, h, block, w, block * channels))
    blocks_last: Step = ("Reshape", (n, h, w, block**2 * channels))
    graph.move(cast, photo, cast.input[0], (rows, SWAP, blocks_last, TO_FIRST))
    node.input[0] = mul.output[0]
    for unused in (first, inner, transpose, outer):
        graph.proto.node.remove(unused)
    return mul


def _perm(node: onnx.NodeProto) -> tuple[int, ...]:
    return next(
        (tuple(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), ()
    )
