"""Quantize an FP32 graph, and measure the cost on validation photographs."""

from collections.abc import Collection, Sequence
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
from edgeseg.imaging.arrays import Mask
from edgeseg.models.selection import MAX_DICE_DROP, MAX_MASK_CHANGE
from edgeseg.runtimes.base import load_runtime
from edgeseg_export.onnx_graph.channels_last import convert_to_channels_last
from edgeseg_export.onnx_graph.graph import sort_nodes
from edgeseg_export.precision.calibration import QUANTIZED_OPERATORS, CalibrationPhoto
from edgeseg_export.precision.fp32 import Fp32Graph
from edgeseg_export.precision.qdq_cleanup import remove_redundant_qdq

# Limits of the costs (1/5 and 1/2 of the limits of the checks). If both costs are within these
# limits, no layer remains in FP32.
ACCEPTED_DICE_DROP = 0.001
ACCEPTED_MASK_CHANGE = 0.005


@dataclass(frozen=True)
class QuantizationCost:
    """Cost of INT8 on the validation photographs.

    The cost is measured in the field of view at the working size.

    Attributes:
        dissimilarity: mean of 1 - Dice between the masks of INT8 and FP32.
        dice_drop: mean drop of the Dice with the manual masks.
        mask_change: largest share of changed mask pixels in a photograph.
    """

    dissimilarity: float
    dice_drop: float
    mask_change: float

    @property
    def is_accepted(self) -> bool:
        """True if no further layer must remain in FP32."""
        return self.dice_drop <= ACCEPTED_DICE_DROP and self.mask_change <= ACCEPTED_MASK_CHANGE

    @property
    def is_within_limits(self) -> bool:
        """True if the file would pass its checks on these photographs."""
        limit = MAX_MASK_CHANGE["int8"]
        return self.dice_drop <= MAX_DICE_DROP and self.mask_change <= limit


@dataclass(frozen=True, eq=False)
class QuantizationTrial:
    """FP32 graph, and the measurement of its quantized variants.

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


def prepare_trial(graph: Fp32Graph, photos: Sequence[CalibrationPhoto]) -> QuantizationTrial:
    """Write the graph in channels-last layout with named nodes, and compute its masks."""
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
    """Compute the masks that a model file predicts inside the field of view.

    Returns:
        One (size, size) uint8 {0, 255} per photograph.
    """
    runtime = load_runtime(file, size, "onnxruntime", cpu.usable_cores())
    vessels = [(runtime.infer(p.tensor) >= threshold) & (p.inside != 0) for p in photos]
    return tuple(np.where(mask, np.uint8(255), np.uint8(0)) for mask in vessels)


def quantize(
    graph: Path, ranges: TensorsData, float_layers: Collection[str] = ()
) -> onnx.ModelProto:
    """Quantize a graph.

    Args:
        graph: FP32 graph in which every node has a unique name.
        ranges: range of each tensor.
        float_layers: names of the nodes that remain in FP32.
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
