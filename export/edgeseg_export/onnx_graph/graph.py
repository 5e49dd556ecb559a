"""Indexing, matching, editing and sorting of ONNX graphs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Value = TypeVar("Value")


class OnnxGraph:
    """Graph with an index of its weights, and of the nodes that produce and read each value.

    The index is built once. The index is not updated when nodes are added.

    Attributes:
        proto: graph. Edits change it in place.
        weights: dict from name to initializer.
        producers: dict from value to the node that computes this value.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self.proto = model.graph
        self.weights = {weight.name: weight for weight in self.proto.initializer}
        self.producers: dict[str, onnx.NodeProto] = {}
        self._readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self.proto.node:
            self.producers.update(dict.fromkeys(node.output, node))
            for name in node.input:
                self._readers[name].append(node)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Inferred shape of each value, computed on first access. An unknown dimension is 0."""
        graph = onnx.shape_inference.infer_shapes(self._model).graph
        shapes = {}
        for value in (*graph.input, *graph.value_info, *graph.output):
            shapes[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        return shapes

    @cached_property
    def types(self) -> dict[str, int]:
        """Inferred element type of each value (`TensorProto`), computed on first access."""
        graph = onnx.shape_inference.infer_shapes(self._model).graph
        values = (*graph.input, *graph.value_info, *graph.output)
        return {value.name: value.type.tensor_type.elem_type for value in values}

    def read_weight(self, name: str) -> npt.NDArray[np.float32]:
        """Return the values of a weight."""
        return numpy_helper.to_array(self.weights[name])

    def write_weight(self, name: str, values: npt.NDArray[np.floating]) -> None:
        """Set the values of a weight, as float32."""
        float_values = np.ascontiguousarray(values, np.float32)
        self.weights[name].CopyFrom(numpy_helper.from_array(float_values, name))

    def get_only_reader(self, name: str) -> onnx.NodeProto | None:
        """Return the node that reads a value, or None if there is not exactly one."""
        readers = self._readers[name]
        is_output = any(output.name == name for output in self.proto.output)
        return readers[0] if len(readers) == 1 and not is_output else None

    def are_private_weights(self, names: Iterable[str]) -> bool:
        """Return True if all names are weights and exactly one node reads each weight."""
        return all(name in self.weights and self.get_only_reader(name) for name in names)

    def match_chain(self, name: str, op_types: Sequence[str]) -> list[onnx.NodeProto]:
        """Return the chain of nodes that computes a value, last node first.

        Args:
            name: value to start from.
            op_types: expected operators, last node first.

        Returns:
            One node per operator; empty if an operator differs or another node reads a value
            of the chain.
        """
        chain: list[onnx.NodeProto] = []
        for op_type in op_types:
            node = self.producers.get(name)
            if node is None or node.op_type != op_type or not self.get_only_reader(name):
                return []
            chain.append(node)
            name = node.input[0]
        return chain

    def remove_nodes(self, *nodes: onnx.NodeProto) -> None:
        """Remove nodes, but not their weights."""
        for node in nodes:
            self.proto.node.remove(node)

    def remove_unread_weights(self) -> None:
        """Remove unused weights."""
        read = {name for node in self.proto.node for name in node.input}
        for name in self.weights.keys() - read:
            self.proto.initializer.remove(self.weights.pop(name))


def read_attribute(node: onnx.NodeProto, name: str, default: Value) -> Value:
    """Return the value of a node's attribute, or the default."""
    for attribute in node.attribute:
        if attribute.name == name:
            return cast("Value", helper.get_attribute_value(attribute))
    return default


def sort_nodes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Sort the nodes in place. A node follows all nodes that compute its inputs.

    ONNX requires this order, but some converters and quantizers write another order.

    Returns:
        The same model.

    Raises:
        ValueError: The graph contains a cycle.
    """
    known = {value.name for value in (*model.graph.input, *model.graph.initializer)} | {""}
    ordered = onnx.GraphProto()
    waiting = list(model.graph.node)
    while waiting:
        ready = [node for node in waiting if known.issuperset(node.input)]
        waiting = [node for node in waiting if not known.issuperset(node.input)]
        if not ready:
            raise ValueError(f"the graph contains a cycle at {waiting[0].name}")
        known |= {name for node in ready for name in node.output}
        ordered.node.extend(ready)
    del model.graph.node[:]
    model.graph.node.extend(ordered.node)
    return model
