"""Convert an FP32 graph to INT8: static QDQ, per-channel S8 weights, U8 activations.

The calibration method and the layers that stay in float are selected by measuring.

Weights use 7 of their 8 bits (`reduce_range`) in every file. On a CPU with neither VNNI nor dot
products (any x86-64 with AVX2 alone) sums of U8 x S8 saturate in 16 bits, and one file must give
the same masks everywhere. On eight validation photographs the eighth bit gained no Dice.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import load_model_with_shape_infer

from edgeseg.evaluation.result import Check
from edgeseg_export.onnx_graph.graph import sort_nodes
from edgeseg_export.precision.calibration import (
    METHODS,
    QUANTIZED_OPERATORS,
    Method,
    compute_ranges,
    load_photos,
)
from edgeseg_export.precision.fp32 import ConvertedGraph, Fp32Graph
from edgeseg_export.precision.int8_trial import (
    QuantizationCost,
    QuantizationTrial,
    prepare_trial,
)
from edgeseg_export.precision.qdq_cleanup import remove_redundant_qdq

# Largest numbers of photographs: ranges converge early, and each layer is tried on all
# validation photographs.
MAX_TRAINING = 12
MAX_VALIDATION = 8

# Largest number of layers that stay in float, and their largest share of the weights. The size
# of an INT8 file is limited to 0.30 of FP32's.
MAX_FLOAT_LAYERS = 4
MAX_FLOAT_WEIGHTS = 0.04

LAYER_OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def convert_to_int8(graph: Fp32Graph, specs: Sequence[str]) -> ConvertedGraph:
    """Convert with the best calibration method; layers that cost Dice stay in float.

    Args:
        graph: FP32 graph.
        specs: calibration data sets as `NAME:DIR`; synthetic photographs if empty.
    """
    config = graph.source.preprocessing
    tensors = [photo.tensor for photo in load_photos(specs, "train", MAX_TRAINING, config)]
    validation = load_photos(specs, "validation", MAX_VALIDATION, config)
    trial = prepare_trial(graph, validation)
    ranges: dict[Method, TensorsData] = {}
    costs: dict[Method, QuantizationCost] = {}
    with _no_warnings():
        for method in METHODS:
            ranges[method] = compute_ranges(trial.graph, tensors, method)
            costs[method] = trial.measure_cost(quantize(trial.graph, ranges[method]))
        best = min(costs, key=lambda method: costs[method].dissimilarity)
        float_layers, cost = select_float_layers(trial, ranges[best], costs[best])
        model = quantize(trial.graph, ranges[best], float_layers)
    layers_note = (
        f"{', '.join(float_layers) or 'none'}; Dice drop on validation {cost.dice_drop:.4f}"
    )
    tried = ", ".join(f"{method} {cost.dissimilarity:.4f}" for method, cost in costs.items())
    data = ", ".join(spec.partition(":")[0] for spec in specs) or "synthetic photographs"
    method_note = (
        f"{best}; 1 - Dice between INT8's and FP32's masks: {tried} "
        f"({data}: {len(tensors)} for calibration, {len(validation)} for selection)"
    )
    return model, [
        Check("calibration", costs[best].dissimilarity, None, method_note, True),
        Check("left in float", len(float_layers), None, layers_note, True),
    ]


def quantize(
    graph: Path, ranges: TensorsData, float_layers: Collection[str] = ()
) -> onnx.ModelProto:
    """Quantize a graph.

    Args:
        graph: FP32 graph in which every node has a unique name.
        ranges: range of each tensor.
        float_layers: names of the nodes that stay in float.
    """
    quantizer = QDQQuantizer(
        load_model_with_shape_infer(graph),
        per_channel=True,
        reduce_range=True,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=[],
        nodes_to_exclude=list(float_layers),
        op_types_to_quantize=list(QUANTIZED_OPERATORS),
        extra_options={},
    )
    quantized = cast("onnx.ModelProto", quantizer.quantize_model())
    return remove_redundant_qdq(sort_nodes(quantized))


def select_float_layers(
    trial: QuantizationTrial, ranges: TensorsData, cost: QuantizationCost
) -> tuple[tuple[str, ...], QuantizationCost]:
    """Select the layers that stay in float, greedily, until the cost is accepted.

    Args:
        trial: FP32 graph and validation photographs.
        ranges: range of each tensor.
        cost: cost of the graph with all layers in INT8.

    Returns:
        The layers, and the cost with these layers in float.
    """
    selected: tuple[str, ...] = ()
    candidates = _find_small_layers(onnx.load(trial.graph))
    while not cost.is_accepted and len(selected) < MAX_FLOAT_LAYERS:
        costs = {
            layer: trial.measure_cost(quantize(trial.graph, ranges, (*selected, layer)))
            for layer in candidates
            if layer not in selected
        }
        best = min(costs, key=lambda layer: costs[layer].dissimilarity, default=None)
        if best is None or costs[best].dissimilarity >= cost.dissimilarity:
            break
        selected = (*selected, best)
        cost = costs[best]
    return selected, cost


def _find_small_layers(model: onnx.ModelProto) -> list[str]:
    """Return the layers so small that `MAX_FLOAT_LAYERS` of them stay below `MAX_FLOAT_WEIGHTS`."""
    sizes = Counter({weight.name: math.prod(weight.dims) for weight in model.graph.initializer})
    limit = sizes.total() * MAX_FLOAT_WEIGHTS / MAX_FLOAT_LAYERS
    layers = [node for node in model.graph.node if node.op_type in LAYER_OPERATORS]
    return [node.name for node in layers if sum(map(sizes.__getitem__, node.input)) <= limit]


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Suppress the advice that ONNX Runtime's quantizer logs: users cannot follow it."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
