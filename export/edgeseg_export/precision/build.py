"""Create and check a model file for each precision of an FP32 graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from msgspec.structs import replace

from edgeseg.device import cpu
from edgeseg.errors import ModelError, one_line
from edgeseg.evaluation.result import Check, EvaluationResult
from edgeseg.evaluation.scores import DataSetScores
from edgeseg.models.card import ModelCard, Precision
from edgeseg.models.checksum import append_checksum
from edgeseg.runtimes.base import Runtime, load_runtime
from edgeseg_export.onnx_graph.channels_last import gather_input_blocks
from edgeseg_export.onnx_graph.constants import count_weight_bytes
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
    check_half_precision,
    check_parity,
    check_range,
    check_rounding,
)
from edgeseg_export.verify.half_precision import HalfPrecisionRuntime
from edgeseg_export.verify.latency import describe_latency, is_slower, measure_latency_ratio
from edgeseg_export.verify.other_sizes import check_other_sizes
from edgeseg_export.verify.output_range import IMPLAUSIBLE_MASK
from edgeseg_export.verify.parity import ParityReport, ReferenceOutputs, measure_parity
from edgeseg_export.verify.rounding import MAX_PHOTOGRAPHS, measure_rounding
from edgeseg_export.verify.value_range import measure_largest_value

# Converter of each precision. A converter gets the FP32 graph and the calibration data sets, and
# returns the converted graph and its checks.
CONVERTERS: dict[Precision, Callable[[Fp32Graph, Sequence[str]], ConvertedGraph]] = {
    "fp32": lambda graph, _: (gather_input_blocks(onnx.load(graph.file)), [graph.simplified]),
    "fp16": lambda graph, _: (to_half_compute(onnx.load(graph.file)), []),
    "fp16w": lambda graph, _: (to_half_weights(gather_input_blocks(onnx.load(graph.file))), []),
    "int8": convert_to_int8,
}


@dataclass(frozen=True, eq=False)
class ExportedFile:
    """Model file in the scratch folder, before it is copied to the output folder.

    Attributes:
        file: path in the scratch folder, with the final name. If the conversion failed, the file
            does not exist.
        card: metadata of the file.
        result: checks and scores.
        parity: comparison with PyTorch; None if the file could not be computed.
    """

    file: Path
    card: ModelCard
    result: EvaluationResult
    parity: ParityReport | None

    @property
    def is_made(self) -> bool:
        """True unless the conversion or the first inference failed."""
        return self.parity is not None


def build_file(
    precision: Precision,
    graph: Fp32Graph,
    checkpoint_sha256: str,
    reference: ReferenceOutputs,
    options: ExportOptions,
) -> ExportedFile:
    """Convert a graph to a file, measure the file, add its metadata, and check it.

    The graph is serialized once. The metadata (with the measured Dice) and the checksum are
    appended to its bytes. Errors become failed checks, except for exhausted memory and a full disk.

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
        if precision == "int8":
            ratio, problem = _measure_latency(file, graph)
            card = card._replace(int8_slower=is_slower(ratio))
            conversion_checks.append(describe_latency(ratio, problem))
        card = card._replace(evidence={**card.evidence, **_collect_dice(parity)})
        file.write_bytes(append_checksum(graph_bytes + serialize_card(card)))
        _load(file, graph)  # load the complete file, as on a device
        weight_bytes = count_weight_bytes(model)
        fp32_bytes = weight_bytes if precision == "fp32" else graph.weight_bytes
        checks = [
            check_graph(file),
            check_card(file, card),
            check_bytes(precision, weight_bytes, fp32_bytes),
            *conversion_checks,
            *_check_outputs(file, graph, precision, parity, reference, options),
        ]
    except (MemoryError, OSError):
        raise
    except Exception as error:  # the exceptions of the converters have no common base class
        note = f"{type(error).__name__}: {one_line(error)}"
        failure = _make_result(file, card, (), [Check("made", None, None, note, False)])
        return ExportedFile(file, card, failure, None)
    return ExportedFile(file, card, _make_result(file, card, parity.scores, checks), parity)


def _collect_dice(parity: ParityReport) -> dict[str, float]:
    means = {f"{s.name}/{s.split}/native": s.mean for s in parity.scores}
    return {key: round(mean.dice, 6) for key, mean in means.items() if mean is not None}


def _check_outputs(
    file: Path,
    graph: Fp32Graph,
    precision: Precision,
    parity: ParityReport,
    reference: ReferenceOutputs,
    options: ExportOptions,
) -> list[Check]:
    """Compare the results of a file with the results of PyTorch."""
    checks = check_arithmetic(precision, cpu.cpu_features())
    checks += _check_parity(precision, file, graph, reference, parity)
    if reference.implausible_masks:
        checks.append(Check(IMPLAUSIBLE_MASK, None, None, reference.implausible_masks, True))
    for own, expected in zip(parity.scores, reference.scores, strict=True):
        checks.append(check_dice(precision, own, expected, options.max_dice_drop))
    if precision == "fp16":
        checks += _check_in_half_precision(file, graph, reference, options)
    if options.dynamic:
        runtime = _load(file, graph)
        pair = reference.pairs[0]
        checks += check_other_sizes(precision, runtime, graph.network, pair, graph.size.threshold)
    return checks


def _measure_latency(file: Path, graph: Fp32Graph) -> tuple[float | None, str]:
    """Measure the latency of an INT8 file relative to the FP32 file of the same graph."""
    fp32_file = file.with_name(f"{graph.name}.latency.onnx")
    onnx.save(gather_input_blocks(onnx.load(graph.file)), fp32_file)
    return measure_latency_ratio(
        fp32_file, file, graph.size.size, cpu.usable_cores(), cpu.cpu_features()
    )


def _check_parity(
    precision: Precision,
    file: Path,
    graph: Fp32Graph,
    reference: ReferenceOutputs,
    parity: ParityReport,
) -> list[Check]:
    """Compare a file with PyTorch in FP32.

    If an FP32 file exceeds the limit, compare it with FP64.
    """
    finite, difference, flipped = check_parity(precision, parity)
    if precision == "fp32" and finite and not difference:
        difference = _compare_with_double(file, graph, reference, parity, difference)
    return [finite, difference, flipped]


def _compare_with_double(
    file: Path,
    graph: Fp32Graph,
    reference: ReferenceOutputs,
    parity: ParityReport,
    difference: Check,
) -> Check:
    """Return a comparison with FP64 instead of a failed comparison with PyTorch in FP32."""
    assert difference.limit is not None
    photographs = []
    for index in np.argsort(parity.differences)[::-1][:MAX_PHOTOGRAPHS].tolist():
        if parity.differences[index] > difference.limit:
            photographs.append(index)
    try:
        errors = measure_rounding(_load(file, graph), graph.network, reference, photographs)
    except ArithmeticError as error:
        return replace(difference, note=f"{difference.note}; no FP64 reference: {error}")
    return check_rounding(errors)


def _check_in_half_precision(
    file: Path, graph: Fp32Graph, reference: ReferenceOutputs, options: ExportOptions
) -> list[Check]:
    """Run an FP16 file with every node in half precision, as on a GPU, and check the results."""
    cores = cpu.usable_cores()
    photos = [pair.tensor for pair in reference.pairs]
    checks = [check_range(measure_largest_value(graph.file, photos, cores))]
    try:
        parity = measure_parity(HalfPrecisionRuntime(file, cores), reference)
    except ModelError as error:
        return [*checks, Check("half finite", None, None, one_line(error), False)]
    return checks + check_half_precision(parity, reference.scores, options.max_dice_drop)


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
