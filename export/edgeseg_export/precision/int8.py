"""Conversion of an FP32 graph to INT8: static QDQ, per-channel S8 weights, U8 activations.

Measurements on photographs select the calibration method and the layers that remain in FP32.

Weights always use 7 of 8 bits (`reduce_range`), because a file must give the same masks on every
CPU. With 8 bits, sums of U8 x S8 products saturate in 16 bits on x86-64 CPUs with AVX2 but without
VNNI. On eight validation photographs, 8-bit weights did not increase the Dice.
"""

import logging
from collections.abc import Sequence
from contextlib import ExitStack

from onnxruntime.quantization.calibrate import TensorsData

from edgeseg.evaluation.result import Check
from edgeseg_export.precision.calibration import (
    METHODS,
    Method,
    NetworkInput,
    compute_ranges,
    load_photos,
)
from edgeseg_export.precision.float_layers import select_float_layers
from edgeseg_export.precision.fp32 import ConvertedGraph, Fp32Graph
from edgeseg_export.precision.quantization import (
    QuantizationCost,
    QuantizationTrial,
    prepare_trial,
    quantize,
)
from edgeseg_export.report.progress import ReportSteps, show_steps

# Maximum numbers of photographs for calibration and validation. Few photographs are sufficient for
# the ranges. Each layer is measured on all validation photographs.
MAX_TRAINING = 12
MAX_VALIDATION = 8


def convert_to_int8(graph: Fp32Graph, specs: Sequence[str]) -> ConvertedGraph:
    """Convert with the best calibration method. Layers that lower the Dice in INT8 remain in FP32.

    Args:
        graph: FP32 graph.
        specs: calibration data sets as `NAME:DIR`; synthetic photographs if empty.
    """
    config = graph.source.preprocessing
    tensors = [photo.tensor for photo in load_photos(specs, "train", MAX_TRAINING, config)]
    validation = load_photos(specs, "validation", MAX_VALIDATION, config)
    trial = prepare_trial(graph, validation)
    with show_steps(f"{graph.name}.int8.onnx") as report:
        return _quantize_best(trial, tensors, specs, report)


def _quantize_best(
    trial: QuantizationTrial,
    tensors: Sequence[NetworkInput],
    specs: Sequence[str],
    report: ReportSteps,
) -> ConvertedGraph:
    """Quantize with the best calibration method, and keep the most sensitive layers in FP32."""
    ranges: dict[Method, TensorsData] = {}
    costs: dict[Method, QuantizationCost] = {}
    with ExitStack() as stack:
        # The quantizer of ONNX Runtime logs advice that does not apply to users of edgeseg.
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.WARNING)
        for number, method in enumerate(METHODS):
            report("calibration", number, len(METHODS))
            ranges[method] = compute_ranges(trial.graph, tensors, method)
            costs[method] = trial.measure_cost(quantize(trial.graph, ranges[method]))
        best = min(costs, key=lambda method: costs[method].dissimilarity)
        layers = select_float_layers(trial, ranges[best], costs[best], report)
        model = quantize(trial.graph, ranges[best], layers.names)
    layers_note = (
        f"{', '.join(layers.names) or 'none'}; Dice drop on validation {layers.cost.dice_drop:.4f}"
    )
    if layers.note:
        layers_note += f"; {layers.note}"
    tried = ", ".join(f"{method} {cost.dissimilarity:.4f}" for method, cost in costs.items())
    data = ", ".join(spec.partition(":")[0] for spec in specs) or "synthetic photographs"
    method_note = (
        f"{best}; 1 - Dice between INT8 and FP32 masks: {tried} "
        f"({data}: {len(tensors)} for calibration, {len(trial.photos)} for selection)"
    )
    return model, [
        Check("calibration", costs[best].dissimilarity, None, method_note, True),
        Check("left in float", len(layers.names), None, layers_note, True),
    ]
