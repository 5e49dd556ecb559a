"""Largest values of a network's intermediate tensors, compared with half precision's range."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from edgeseg_export.onnx_graph.graph import OnnxGraph
from edgeseg_export.verify.half_precision import create_plain_session


class LargestValue(NamedTuple):
    """Largest absolute value of the intermediate tensors on all photographs.

    Attributes:
        value: finite absolute value; infinities of FP32 exist in half precision, too.
        tensor: name of the tensor; "" if the graph has none.
        operator: operator that computes it.
    """

    value: float
    tensor: str
    operator: str


def measure_largest_value(
    file: Path, photos: Iterable[npt.NDArray[np.uint8]], threads: int
) -> LargestValue:
    """Compute the largest absolute value of all FP32 tensors that nodes of a graph compute.

    The graph itself reduces each tensor to its extremes, so that no tensor is kept in memory.

    Args:
        file: FP32 graph.
        photos: network inputs, (1, size, size, 3) uint8 RGB.
        threads: number of CPU threads.
    """
    model = onnx.load(file)
    names = _list_computed_tensors(model)
    if not names:
        return LargestValue(0.0, "", "")
    session = create_plain_session(_add_extremes(model, names), threads)
    outputs = [f"{name}.{end}" for name in names for end in ("lowest", "highest")]
    largest = np.zeros(len(names))
    for photo in photos:
        values = np.abs(np.array(session.run(outputs, {"photo": photo}), np.float64))
        values[~np.isfinite(values)] = 0
        largest = np.maximum(largest, values.reshape(len(names), 2).max(1))
    index = int(largest.argmax())
    operator = OnnxGraph(model).producers[names[index]].op_type
    return LargestValue(float(largest[index]), names[index], operator)


def _list_computed_tensors(model: onnx.ModelProto) -> list[str]:
    types = OnnxGraph(model).types
    computed = [name for node in model.graph.node for name in node.output]
    return [name for name in computed if types.get(name) == TensorProto.FLOAT]


def _add_extremes(model: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """Add the outputs `NAME.lowest` and `NAME.highest`, one number each."""
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    for name in names:
        for op_type, end in (("ReduceMin", "lowest"), ("ReduceMax", "highest")):
            output = f"{name}.{end}"
            extended.graph.node.append(helper.make_node(op_type, [name], [output], keepdims=0))
            value = helper.make_tensor_value_info(output, TensorProto.FLOAT, [])
            extended.graph.output.append(value)
    return extended
