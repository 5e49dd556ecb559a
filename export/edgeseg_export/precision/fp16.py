"""Conversion of an FP32 graph to two half-precision variants.

`fp16` computes in half precision if the hardware supports it (Cortex-A76, GPUs). On other hardware,
ONNX Runtime computes in FP32 with additional casts, so that a large network is slower than with the
FP32 file. `fp16w` stores half-precision weights with casts to FP32. ONNX Runtime folds the casts
when it loads the file. The file has half the size of the FP32 file and the same speed.
"""

import warnings
from copy import deepcopy

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxconverter_common import float16

from edgeseg_export.onnx_graph.channels_last import convert_to_channels_last
from edgeseg_export.onnx_graph.constants import MIN_VALUES
from edgeseg_export.onnx_graph.graph import read_attribute, sort_nodes

FLOAT = TensorProto.FLOAT
LARGEST = float(np.finfo(np.float16).max)


def to_half_compute(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the `fp16` variant of an FP32 model, which computes in half precision.

    The input `photo` remains uint8, and the output `probability` remains float32.
    """
    model = convert_to_channels_last(model)
    with warnings.catch_warnings():
        # Suppress one warning per weight that is rounded to the smallest half-precision number or
        # to 0. The checks of `edgeseg convert` measure the effect on the probability.
        warnings.simplefilter("ignore")
        half = float16.convert_float_to_float16(model, max_finite_val=LARGEST, keep_io_types=True)
    # The converter keeps an existing cast of the photograph to FP32, but the nodes that read the
    # output of this cast are now FP16.
    casts = [node for node in model.graph.node if node.op_type == "Cast"]
    fp32_results = {n.output[0] for n in casts if read_attribute(n, "to", 0) == FLOAT}
    for node in half.graph.node:
        if node.op_type == "Cast" and node.output[0] in fp32_results:
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("to", TensorProto.FLOAT16))
    return sort_nodes(half)


def to_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the `fp16w` variant of an FP32 model: FP16 weights, each with a cast to FP32."""
    half = deepcopy(model)
    nodes = []
    for weight in half.graph.initializer:
        name = weight.name
        # Smaller tensors, such as a scale or a mean, would lose precision without reducing the
        # size.
        if weight.data_type == FLOAT and np.prod(weight.dims, dtype=int) >= MIN_VALUES:
            # Values out of range are replaced with the largest half-precision number.
            values = np.clip(numpy_helper.to_array(weight), -LARGEST, LARGEST).astype(np.float16)
            weight.CopyFrom(numpy_helper.from_array(values, f"{name}.half"))
            cast = helper.make_node("Cast", [weight.name], [name], f"{name}.cast", to=FLOAT)
            nodes.append(cast)
    nodes.extend(half.graph.node)
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    return half
