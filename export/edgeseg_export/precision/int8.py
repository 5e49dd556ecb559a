"""FP32 graph -> INT8: static QDQ, per-channel S8 weights, U8 activations, chosen by measuring.

Weights take 7 of their 8 bits (`reduce_range`) in every file: where a CPU has neither VNNI nor dot products (any x86-64
with AVX2 alone), U8 x S8 sums saturate in 16 bits, and one file must give the same masks everywhere. Measured on eight
validation photographs, the eighth bit gained no Dice.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

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
from edgeseg.imaging.arrays import Mask, Probability
from edgeseg.runtimes.base import load_runtime
from edgeseg_export.onnx_graph.channels_last import channels_last
from edgeseg_export.onnx_graph.trace import in_order
from edgeseg_export.precision.build import ConvertedGraph, Exported
from edgeseg_export.precision.calibration import (
    METHODS,
    QUANTISED,
    Calibration,
    CalibrationCheck,
    Method,
    open_calibration,
    ranges,
)
from edgeseg_export.precision.qdq_cleanup import remove_redundant_qdq

ENOUGH_DICE, ENOUGH_FLIPS = 0.001, 0.005
"""A drop of validation Dice, and a share of flipped pixels, at which no layer needs to stay in float: a fifth and half
of what the checks allow."""

MOST_FLOAT_LAYERS, MOST_FLOAT_WEIGHTS = 4, 0.04
"""Layers left in float at most, and their share of the weights: the bytes must stay below 0.30."""

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


@dataclass(frozen=True)
class Cost:
    """What INT8 costs on the validation photographs, at the working size, in the field of view.

    Attributes:
        unlike: 1 - Dice between INT8's mask and FP32's, mean.
        dice_drop: of the Dice against the manual masks, mean.
        flipped: share of pixels, worst photograph.
    """

    unlike: float
    dice_drop: float
    flipped: float

    @property
    def enough(self) -> bool:
        """No layer needs to stay in float."""
        return self.dice_drop <= ENOUGH_DICE and self.flipped <= ENOUGH_FLIPS


@dataclass(frozen=True, eq=False)
class Trial:
    """A network on trial.

    Attributes:
        graph: FP32, every node with a name of its own.
        size: working size.
        threshold: probability from which a pixel is vessel.
        judged: the validation photographs.
        expected: FP32's masks of them.
    """

    graph: Path
    size: int
    threshold: float
    judged: tuple[CalibrationCheck, ...]
    expected: tuple[Mask, ...]

    def cost(self, model: onnx.ModelProto) -> Cost:
        """Of a quantised model."""
        file = self.graph.with_suffix(".trial.onnx")
        onnx.save(model, file)
        found = masks(file, self.size, self.threshold, self.judged)
        pairs = list(zip(found, self.expected, self.judged, strict=True))
        insides = [judged.prepared.inside for judged in self.judged]
        counts = [count_pixels(one, other, judged.prepared.inside) for one, other, judged in pairs]
        drops = [
            count_pixels(other, j.truth, j.prepared.inside).dice
            - count_pixels(one, j.truth, j.prepared.inside).dice
            for one, other, j in pairs
        ]
        flipped = [
            cv2.countNonZero(cv2.bitwise_xor(one, other)) / max(1, cv2.countNonZero(inside))
            for (one, other, _), inside in zip(pairs, insides, strict=True)
        ]
        return Cost(
            float(np.mean([1 - c.dice for c in counts])), float(np.mean(drops)), max(flipped)
        )


def quantize_int8(exported: Exported, specs: Sequence[str]) -> ConvertedGraph:
    """INT8 graph: the best calibration, and the layers that cost Dice left in float."""
    calibration = open_calibration(specs, exported.source.preprocessing)
    trial = _trial(exported, calibration.judged)
    with _quiet():
        candidates = {method: ranges(trial.graph, calibration.fed, method) for method in METHODS}
        costs = {
            method: trial.cost(to_int8(trial.graph, found)) for method, found in candidates.items()
        }
        best = min(costs, key=lambda method: costs[method].unlike)
        left, cost = layers_in_float(trial, candidates[best], costs[best])
        model = to_int8(trial.graph, candidates[best], left)
    return ConvertedGraph(model, _told(calibration, best, costs, left, cost))


def _told(
    calibration: Calibration,
    best: Method,
    costs: dict[Method, Cost],
    left: Sequence[str],
    cost: Cost,
) -> tuple[Check, ...]:
    tried = ", ".join(f"{method} {found.unlike:.4f}" for method, found in costs.items())
    where = f"{calibration.where}: {len(calibration.fed)} to calibrate, {len(calibration.judged)} to choose"
    layers = ", ".join(left) or "none"
    return (
        Check(
            "calibration",
            costs[best].unlike,
            None,
            f"{best}; 1 - Dice to FP32's mask: {tried} ({where})",
            True,
        ),
        Check(
            "left in float",
            len(left),
            None,
            f"{layers}; Dice drop on validation {cost.dice_drop:.4f}",
            True,
        ),
    )


def _trial(exported: Exported, judged: tuple[CalibrationCheck, ...]) -> Trial:
    size, threshold = exported.size.size, exported.size.threshold
    graph = exported.file.with_name(f"{exported.name}.named.onnx")
    model = channels_last(onnx.load(exported.file), scaled=False)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    onnx.save(model, graph)
    return Trial(graph, size, threshold, judged, masks(graph, size, threshold, judged))


def masks(
    file: Path, size: int, threshold: float, judged: Sequence[CalibrationCheck]
) -> tuple[Mask, ...]:
    """A file's vessels (size, size) {0, 255} in the field of view."""
    runtime = load_runtime(file, size, "onnxruntime", cpu.usable_cores())
    return tuple(
        _mask(runtime.infer(j.prepared.tensor), threshold, j.prepared.inside) for j in judged
    )


def _mask(probability: Probability, threshold: float, inside: Mask) -> Mask:
    mask: Mask = np.where((probability >= threshold) & (inside != 0), np.uint8(255), np.uint8(0))
    return mask


def to_int8(graph: Path, found: TensorsData, in_float: Collection[str] = ()) -> onnx.ModelProto:
    """Quantise with known ranges; the nodes named in `in_float` stay as they are."""
    quantiser = QDQQuantizer(
        load_model_with_shape_infer(graph),
        True,  # per channel
        True,  # reduce_range, see above
        QuantType.QInt8,  # weights
        QuantType.QUInt8,  # activations
        found,
        [],
        list(in_float),
        list(QUANTISED),
        {},
    )
    quantised = quantiser.quantize_model()
    return remove_redundant_qdq(in_order(cast("onnx.ModelProto", quantised)))


def layers_in_float(trial: Trial, found: TensorsData, cost: Cost) -> tuple[tuple[str, ...], Cost]:
    """Greedily leave out the layer whose INT8 form costs most, until the rest costs little."""
    left: tuple[str, ...] = ()
    small = _small_layers(onnx.load(trial.graph))
    while not cost.enough and len(left) < MOST_FLOAT_LAYERS:
        tried = {
            name: trial.cost(to_int8(trial.graph, found, (*left, name)))
            for name in small
            if name not in left
        }
        name = min(tried, key=lambda candidate: tried[candidate].unlike, default=None)
        if name is None or tried[name].unlike >= cost.unlike:
            break
        left, cost = (*left, name), tried[name]
    return left, cost


def _small_layers(model: onnx.ModelProto) -> list[str]:
    """Names of the layers that may stay in float, all of them together within the bytes."""
    sizes = {
        tensor.name: int(np.prod(tensor.dims, dtype=np.int64)) for tensor in model.graph.initializer
    }
    most = sum(sizes.values()) * MOST_FLOAT_WEIGHTS / MOST_FLOAT_LAYERS
    layers = [node for node in model.graph.node if node.op_type in LAYERS]
    return [node.name for node in layers if sum(sizes.get(name, 0) for name in node.input) <= most]


@contextmanager
def _quiet() -> Iterator[None]:
    """ONNX Runtime's quantiser logs advice that no user of ours can follow."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
