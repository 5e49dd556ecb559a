"""FP32 graph -> its two half-precision forms.

`fp16` computes in half precision where the hardware does (Cortex-A76, GPUs); elsewhere ONNX Runtime computes it in FP32
behind casts, and a large network then is slower than its FP32 file. `fp16w` keeps half-precision weights behind casts
that every ONNX Runtime folds when it loads the file: half the bytes at FP32's speed.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxconverter_common import float16

from edgeseg_export.onnx_graph.channels_last import channels_last
from edgeseg_export.onnx_graph.trace import in_order

SMALLEST = 16
"""Tensors of fewer values (a scale, a mean) stay FP32: nothing is saved, and digits would be."""


def to_half_compute(model: onnx.ModelProto) -> onnx.ModelProto:
    """FP32 graph -> the same graph in half precision; `photo` stays uint8 and `probability` float32."""
    model = channels_last(model)
    with warnings.catch_warnings():
        # It warns of every weight that half precision rounds to its smallest number or to 0: the checks of
        # `edgeseg convert` measure what that does to the probability.
        warnings.simplefilter("ignore")
        half = float16.convert_float_to_float16(model, keep_io_types=True)
    # The converter leaves a cast of the photograph's bytes to FP32 as it was, in front of what is half precision now.
    to_float = {node.name for node in model.graph.node if _casts_to(node, TensorProto.FLOAT)}
    for node in half.graph.node:
        if node.name in to_float:
            next(a for a in node.attribute if a.name == "to").i = TensorProto.FLOAT16
    return in_order(half)


def to_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """FP32 graph -> the same graph with its weights as half-precision initializers, each behind a Cast to FP32."""
    half = onnx.ModelProto()
    half.CopyFrom(model)
    casts = []
    for weight in half.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims, dtype=int) < SMALLEST:
            continue
        name, values = weight.name, numpy_helper.to_array(weight)
        weight.CopyFrom(numpy_helper.from_array(_to_half(values), f"{name}.half"))
        casts.append(
            helper.make_node("Cast", [f"{name}.half"], [name], f"{name}.cast", to=TensorProto.FLOAT)
        )
    nodes = [*casts, *half.graph.node]
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    return half


def _casts_to(node: onnx.NodeProto, kind: int) -> bool:
    return node.op_type == "Cast" and any(a.name == "to" and a.i == kind for a in node.attribute)


def _to_half(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """Nearest half-precision values; what is too large becomes the largest."""
    largest = float(np.finfo(np.float16).max)
    return np.clip(values, -largest, largest).astype(np.float16)
