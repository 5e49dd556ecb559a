"""Convert an FP32 graph to its two half-precision variants.

`fp16` computes in half precision where the hardware supports it (Cortex-A76, GPUs). Elsewhere ONNX
Runtime computes it in FP32 with additional casts, so that a large network is slower than its FP32
file. `fp16w` stores half-precision weights behind casts that every ONNX Runtime folds when it loads
the file: half the size at the speed of FP32.
"""

from __future__ import annotations

import warnings
from copy import deepcopy

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxconverter_common import float16

from edgeseg_export.onnx_graph.channels_last import convert_to_channels_last
from edgeseg_export.onnx_graph.graph import read_attribute, sort_nodes

# Smaller tensors (a scale, a mean) stay FP32: they would lose digits and save nothing.
MIN_VALUES = 16


def to_half_compute(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the `fp16` variant of an FP32 model: it computes in half precision.

    The input `photo` stays uint8 and the output `probability` stays float32.
    """
    model = convert_to_channels_last(model)
    with warnings.catch_warnings():
        # One warning per weight that is rounded to the smallest half-precision number or to 0.
        # The checks of `edgeseg convert` measure the effect on the probability.
        warnings.simplefilter("ignore")
        half = float16.convert_float_to_float16(model, keep_io_types=True)
    # The converter keeps an existing cast of the photograph to FP32, but its readers are FP16 now.
    nodes = model.graph.node
    fp32_casts = {node.name for node in nodes if read_attribute(node, "to", 0) == TensorProto.FLOAT}
    for node in half.graph.node:
        if node.name in fp32_casts:
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("to", TensorProto.FLOAT16))
    return sort_nodes(half)


def to_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the `fp16w` variant of an FP32 model: half-precision weights, each with a cast."""
    half = deepcopy(model)
    nodes = []
    for weight in half.graph.initializer:
        name = weight.name
        if weight.data_type == TensorProto.FLOAT and np.prod(weight.dims, dtype=int) >= MIN_VALUES:
            values = _round_to_half(numpy_helper.to_array(weight))
            weight.CopyFrom(numpy_helper.from_array(values, f"{name}.half"))
            inputs = [weight.name]
            nodes.append(
                helper.make_node("Cast", inputs, [name], f"{name}.cast", to=TensorProto.FLOAT)
            )
    nodes.extend(half.graph.node)
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    return half


def _round_to_half(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """Round to the nearest half-precision values; values out of range become the largest one."""
    largest = float(np.finfo(np.float16).max)
    return np.clip(values, -largest, largest).astype(np.float16)
