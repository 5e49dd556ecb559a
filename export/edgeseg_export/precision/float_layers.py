"""Select the layers of an INT8 graph that remain in FP32."""

import math
import time
from collections import Counter
from typing import NamedTuple

import onnx
from onnxruntime.quantization.calibrate import TensorsData

from edgeseg_export.precision.quantization import QuantizationCost, QuantizationTrial, quantize
from edgeseg_export.report.progress import ReportSteps

# Maximum number of layers that remain in FP32, and maximum share of their weights. The weights of
# an INT8 file may have at most 0.30 times the size of the FP32 weights.
MAX_FLOAT_LAYERS = 4
MAX_FLOAT_WEIGHTS = 0.04

LAYER_OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul")

# Time limit of the search. The results of an interrupted round are not used, so that the result
# depends as little as possible on the speed of the machine.
MAX_SEARCH_S = 300.0


class FloatLayers(NamedTuple):
    """Layers that remain in FP32, as found by the search.

    Attributes:
        names: layers that remain in FP32.
        cost: cost of the graph with these layers in FP32.
        note: reason why the search ended early, or "".
    """

    names: tuple[str, ...]
    cost: QuantizationCost
    note: str = ""


def select_float_layers(
    trial: QuantizationTrial, ranges: TensorsData, cost: QuantizationCost, report: ReportSteps
) -> FloatLayers:
    """Select layers to keep in FP32 one by one, until the loss of Dice is accepted.

    If the limits are exceeded even with all small layers in FP32, the search does not start.

    Args:
        trial: FP32 graph and validation photographs.
        ranges: range of each tensor.
        cost: cost of the graph with all layers in INT8.
        report: function that is called before each trial.
    """
    found = FloatLayers((), cost)
    candidates = _list_small_layers(onnx.load(trial.graph))
    if cost.is_accepted or not candidates:
        return found
    if not cost.is_within_limits:
        report("try all small layers in FP32", 0, 1)
        best_case = trial.measure_cost(quantize(trial.graph, ranges, candidates))
        if not best_case.is_within_limits:
            note = (
                f"no search: with all {len(candidates)} small layers in FP32, Dice still drops by "
                f"{best_case.dice_drop:.4f} and {best_case.mask_change:.4f} of the mask changes"
            )
            return found._replace(note=note)
    deadline = time.monotonic() + MAX_SEARCH_S
    while not found.cost.is_accepted and len(found.names) < MAX_FLOAT_LAYERS:
        better = _add_best_layer(trial, ranges, found, candidates, report, deadline)
        if better is None:
            return found._replace(note=f"search stopped after {MAX_SEARCH_S:.0f} s")
        if better.cost.dissimilarity >= found.cost.dissimilarity:
            break
        found = better
    return found


def _add_best_layer(
    trial: QuantizationTrial,
    ranges: TensorsData,
    found: FloatLayers,
    candidates: list[str],
    report: ReportSteps,
    deadline: float,
) -> FloatLayers | None:
    """Measure each remaining layer in FP32 and add the best. Return None after the deadline."""
    remaining = [layer for layer in candidates if layer not in found.names]
    best = found
    for number, layer in enumerate(remaining):
        if time.monotonic() > deadline:
            return None
        title = f"layers in FP32, round {len(found.names) + 1} of up to {MAX_FLOAT_LAYERS}"
        report(title, number, len(remaining))
        names = (*found.names, layer)
        cost = trial.measure_cost(quantize(trial.graph, ranges, names))
        if cost.dissimilarity < best.cost.dissimilarity:
            best = FloatLayers(names, cost)
    return best


def _list_small_layers(model: onnx.ModelProto) -> list[str]:
    """Return the layers with at most `MAX_FLOAT_WEIGHTS / MAX_FLOAT_LAYERS` of the weights."""
    sizes = Counter({weight.name: math.prod(weight.dims) for weight in model.graph.initializer})
    limit = sizes.total() * MAX_FLOAT_WEIGHTS / MAX_FLOAT_LAYERS
    layers = [node for node in model.graph.node if node.op_type in LAYER_OPERATORS]
    return [node.name for node in layers if sum(map(sizes.__getitem__, node.input)) <= limit]
