"""Convert an FP32 graph to INT8: static QDQ, per-channel S8 weights, U8 activations.

The calibration method and the layers that stay in float are selected by measuring.

Weights use 7 of their 8 bits (`reduce_range`) in every file. On a CPU with neither VNNI nor dot
products (any x86-64 with AVX2 alone) sums of U8 x S8 saturate in 16 bits, and one file must give
the same masks everywhere. On eight validation photographs the eighth bit gained no Dice.
"""

import logging
import math
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import load_model_with_shape_infer

from edgeseg.device import cpu
from edgeseg.evaluation.metrics import count_pixels
from edgeseg.evaluation.result import Check
from edgeseg.imaging.arrays import Mask
from edgeseg.runtimes.base import load_runtime
from edgeseg_export.onnx_graph.channels_last import convert_to_channels_last
from edgeseg_export.onnx_graph.graph import sort_nodes
from edgeseg_export.precision.calibration import (
    METHODS,
    QUANTIZED_OPERATORS,
    CalibrationPhoto,
    Method,
    compute_ranges,
    load_photos,
)
from edgeseg_export.precision.fp32 import ConvertedGraph, Fp32Graph
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

# At or below these costs no layer is kept in float: 1/5 and 1/2 of the limits of the checks.
ACCEPTED_DICE_DROP = 0.001
ACCEPTED_MASK_CHANGE = 0.005


@dataclass(frozen=True)
class QuantizationCost:
    """Cost of INT8 in the field of view of the validation photographs at the working size.

    Attributes:
        dissimilarity: mean of 1 - Dice between the masks of INT8 and FP32.
        dice_drop: mean drop of Dice against the manual masks.
        mask_change: share of pixels whose mask changed, worst photograph.
    """

    dissimilarity: float
    dice_drop: float
    mask_change: float

    @property
    def is_accepted(self) -> bool:
        """True if no layer needs to stay in float."""
        return self.dice_drop <= ACCEPTED_DICE_DROP and self.mask_change <= ACCEPTED_MASK_CHANGE


@dataclass(frozen=True, eq=False)
class QuantizationTrial:
    """An FP32 graph whose quantized variants are measured.

    Attributes:
        graph: FP32 graph in which every node has a unique name.
        size: working size in pixels.
        threshold: vessel probability threshold.
        photos: validation photographs.
        expected: masks of the FP32 graph.
    """

    graph: Path
    size: int
    threshold: float
    photos: Sequence[CalibrationPhoto]
    expected: tuple[Mask, ...]

    def measure_cost(self, model: onnx.ModelProto) -> QuantizationCost:
        """Measure a quantized variant."""
        file = self.graph.with_suffix(".trial.onnx")
        onnx.save(model, file)
        masks = predict_masks(file, self.size, self.threshold, self.photos)
        dissimilarities, drops, changes = [], [], []
        for photo, mask, expected in zip(self.photos, masks, self.expected, strict=True):
            expected_dice = count_pixels(expected, photo.truth, photo.inside).dice
            drops.append(expected_dice - count_pixels(mask, photo.truth, photo.inside).dice)
            dissimilarities.append(1 - count_pixels(mask, expected, photo.inside).dice)
            changed = cv2.countNonZero(cv2.bitwise_xor(mask, expected))
            changes.append(changed / max(1, cv2.countNonZero(photo.inside)))
        return QuantizationCost(
            float(np.mean(dissimilarities)), float(np.mean(drops)), max(changes)
        )


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
    with ExitStack() as stack:
        # Users cannot follow the advice that ONNX Runtime's quantizer logs.
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.WARNING)
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
        f"{best}; Dice loss of INT8 masks against FP32 masks: {tried} "
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
    return remove_redundant_qdq(sort_nodes(quantizer.quantize_model()))


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


def prepare_trial(graph: Fp32Graph, photos: Sequence[CalibrationPhoto]) -> QuantizationTrial:
    """Write the graph with channels last and named nodes, and compute its masks."""
    size, threshold = graph.size.size, graph.size.threshold
    file = graph.file.with_name(f"{graph.name}.named.onnx")
    model = convert_to_channels_last(onnx.load(graph.file), fold_scale=False)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    onnx.save(model, file)
    masks = predict_masks(file, size, threshold, photos)
    return QuantizationTrial(file, size, threshold, photos, masks)


def predict_masks(
    file: Path, size: int, threshold: float, photos: Sequence[CalibrationPhoto]
) -> tuple[Mask, ...]:
    """Compute the vessel masks of a file in the field of view.

    Returns:
        One (size, size) uint8 {0, 255} per photograph.
    """
    runtime = load_runtime(file, size, "onnxruntime", cpu.usable_cores())
    vessels = [(runtime.infer(p.tensor) >= threshold) & (p.inside != 0) for p in photos]
    return tuple(np.where(mask, np.uint8(255), np.uint8(0)) for mask in vessels)
