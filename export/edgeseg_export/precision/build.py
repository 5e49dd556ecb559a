"""Build a checked model file for each precision of an FP32 graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from edgeseg.device import cpu
from edgeseg.errors import one_line
from edgeseg.evaluation.result import Check, EvaluationResult
from edgeseg.evaluation.scores import DataSetScores
from edgeseg.models.card import ModelCard, Precision
from edgeseg.models.checksum import append_checksum
from edgeseg.runtimes.base import Runtime, load_runtime
from edgeseg_export.onnx_graph.channels_last import gather_input_blocks
from edgeseg_export.onnx_graph.graph import count_weight_bytes
from edgeseg_export.precision.fp16 import to_half_compute, to_half_weights
from edgeseg_export.precision.fp32 import ConvertedGraph, ExportOptions, Fp32Graph
from edgeseg_export.precision.int8 import convert_to_int8
from edgeseg_export.publish import make_card, serialize_card, serialize_graph
from edgeseg_export.verify.checks import (
    check_arithmetic,
    check_bytes,
    check_card,
    check_dice,
    check_graph,
    check_parity,
)
from edgeseg_export.verify.parity import ParityReport, ReferenceOutputs, measure_parity

# Converter of each precision: FP32 graph and calibration data sets -> graph and checks.
CONVERTERS: dict[Precision, Callable[[Fp32Graph, Sequence[str]], ConvertedGraph]] = {
    "fp32": lambda graph, _: (gather_input_blocks(onnx.load(graph.file)), [graph.simplified]),
    "fp16": lambda graph, _: (to_half_compute(onnx.load(graph.file)), []),
    "fp16w": lambda graph, _: (to_half_weights(gather_input_blocks(onnx.load(graph.file))), []),
    "int8": convert_to_int8,
}


@dataclass(frozen=True, eq=False)
class ExportedFile:
    """A model file that is not published yet.

    Attributes:
        file: path in the scratch folder, with the final name; missing if the conversion failed.
        card: metadata of the file.
        result: checks and scores.
        parity: comparison with PyTorch; None if the file could not be computed.
    """

    file: Path
    card: ModelCard
    result: EvaluationResult
    parity: ParityReport | None


def build_file(
    precision: Precision,
    graph: Fp32Graph,
    checkpoint_sha256: str,
    reference: ReferenceOutputs,
    options: ExportOptions,
) -> ExportedFile:
    """Convert a graph, measure it, add its metadata, and check the file.

    The graph is serialized once. The metadata, which contains the measured Dice, and the checksum
    are appended to its bytes. Every error except a lack of memory becomes a failed check.

    Args:
        precision: precision of the file.
        graph: FP32 graph.
        checkpoint_sha256: SHA-256 of the checkpoint file, hexadecimal.
        reference: outputs of PyTorch.
        options: options of the conversion.
    """
    file = graph.file.with_name(f"{graph.name}.{precision}.onnx")
    card = make_card(
        graph.source, graph.size, graph.name, checkpoint_sha256, precision, options.dynamic
    )
    try:
        model, conversion_checks = CONVERTERS[precision](graph, options.calibration)
        graph_bytes = serialize_graph(model)
        file.write_bytes(graph_bytes)
        parity = measure_parity(_load(file, graph), reference)
        means = {f"{s.name}/{s.split}/native": s.mean for s in parity.scores}
        dice = {key: round(mean.dice, 6) for key, mean in means.items() if mean is not None}
        card = card._replace(evidence={**card.evidence, **dice})
        file.write_bytes(append_checksum(graph_bytes + serialize_card(card)))
        _load(file, graph)  # the complete file, as a device loads it
    except MemoryError:
        raise
    except Exception as error:  # the converters' errors share no base class
        note = f"{type(error).__name__}: {one_line(error)}"
        failure = _make_result(file, card, (), [Check("made", None, None, note, False)])
        return ExportedFile(file, card, failure, None)
    weight_bytes = count_weight_bytes(model)
    fp32_bytes = weight_bytes if precision == "fp32" else graph.weight_bytes
    checks = [
        check_graph(file),
        check_card(file, card),
        check_bytes(precision, weight_bytes, fp32_bytes),
        *conversion_checks,
        *check_arithmetic(precision, cpu.cpu_features()),
        *check_parity(precision, parity),
    ]
    for own, expected in zip(parity.scores, reference.scores, strict=True):
        checks.append(check_dice(precision, own, expected, options.max_dice_drop))
    return ExportedFile(file, card, _make_result(file, card, parity.scores, checks), parity)


def _load(file: Path, graph: Fp32Graph) -> Runtime:
    return load_runtime(file, graph.size.size, "onnxruntime", cpu.usable_cores())


def _make_result(
    file: Path, card: ModelCard, scores: tuple[DataSetScores, ...], checks: Sequence[Check]
) -> EvaluationResult:
    return EvaluationResult(
        card.name,
        card.precision,
        "onnxruntime",
        "native",
        card.threshold,
        scores,
        file.name,
        file.stat().st_size if file.is_file() else 0,
        tuple(checks),
    )
