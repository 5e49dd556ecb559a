"""Find the largest intermediate values of a network, to compare them with half precision.

A mean is computed from a sum, which runtimes may accumulate in half precision. The mean of a
million values of 0.2 is within the range, but the sum is not. Normalization layers and global
pooling always accumulate in FP32 and are not affected.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeseg_export.onnx_graph.graph import OnnxGraph
from edgeseg_export.verify.half_precision import create_plain_session

# Dict from operators with an internal sum to the operator that computes this sum.
SUMS = {"ReduceMean": "ReduceSum", "ReduceL2": "ReduceSumSquare"}


class LargestValue(NamedTuple):
    """Largest absolute value of the intermediate tensors on all photographs.

    Attributes:
        value: largest finite absolute value; infinities are ignored, because they also exist in
            half precision.
        tensor: name of the tensor; "" if the graph has no such tensor.
        operator: operator that computes the tensor.
    """

    value: float
    tensor: str
    operator: str


def measure_largest_value(
    file: Path, photos: Iterable[npt.NDArray[np.uint8]], threads: int
) -> LargestValue:
    """Compute the largest absolute value of all FP32 tensors that nodes of a graph compute.

    Additional nodes reduce each tensor to its minimum and maximum, so that no tensor is kept in
    memory.

    Args:
        file: FP32 graph.
        photos: network inputs, (1, size, size, 3) uint8 RGB.
        threads: number of CPU threads.
    """
    model = onnx.load(file)
    _add_sums_of_means(model)
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


def _add_sums_of_means(model: onnx.ModelProto) -> None:
    """Add the sum to each ReduceMean, and the sum of squares to each ReduceL2, in place."""
    for node in list(model.graph.node):
        if node.op_type not in SUMS:
            continue
        name = f"{node.output[0]}.sum"
        op_type = SUMS[node.op_type]
        added = model.graph.node.add(op_type=op_type, input=node.input, output=[name])
        for attribute in node.attribute:
            if attribute.name == "axes" and op_type == "ReduceSum":  # input since opset 13
                axes = np.array(attribute.ints, np.int64)
                model.graph.initializer.append(numpy_helper.from_array(axes, f"{name}.axes"))
                added.input.append(f"{name}.axes")
            else:
                added.attribute.append(attribute)


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
