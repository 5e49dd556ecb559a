"""One working size of a network -> a checked model file for each precision, in a scratch folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from edgeseg.datasets import DataSet
from edgeseg.device import cpu
from edgeseg.errors import one_line
from edgeseg.evaluation.result import Check, EvaluationResult
from edgeseg.evaluation.scores import DataSetScores
from edgeseg.models.card import ModelCard, Precision
from edgeseg.runtimes.base import load_runtime
from edgeseg_export.model_card import make_card
from edgeseg_export.onnx_graph.channels_last import gathered
from edgeseg_export.onnx_graph.simplify import simplify
from edgeseg_export.onnx_graph.trace import OPSET, PhotoToProbability, trace_to_onnx
from edgeseg_export.precision.fp16 import to_half_compute, to_half_weights
from edgeseg_export.publish import add_card
from edgeseg_export.source import SourceNetwork
from edgeseg_export.verify.checks import (
    check_arithmetic,
    check_bytes,
    check_card,
    check_dice,
    check_graph,
    check_measured,
    initializer_bytes,
)
from edgeseg_export.verify.parity import ParityReport, ReferenceOutputs, in_torch, measure
from edgeseg_train.checkpoint import WorkingSize


@dataclass(frozen=True)
class ExportOptions:
    """What is to be made of a checkpoint.

    Attributes:
        precisions: of the files, in this order.
        data_sets: photographs to check with.
        given: whether the user gave them; the Dice of drawn ones counts only then.
        opset: of the graph.
        simplified: by onnxsim.
        dynamic: height and width stay free.
        largest_drop: of Dice, in place of the precisions' own limits.
    """

    precisions: tuple[Precision, ...]
    data_sets: tuple[DataSet, ...]
    given: bool
    opset: int = OPSET
    simplified: bool = True
    dynamic: bool = False
    largest_drop: float | None = None


@dataclass(frozen=True, eq=False)
class Exported:
    """The FP32 graph at one working size, before it is anybody's file.

    Attributes:
        source: where it comes from, `preprocessing` at this size.
        size: the working size.
        name: of the model (`NAME`, `NAME-detail`).
        network: the same in PyTorch.
        file: the graph.
        unsimplified: why it was not simplified, or "".
    """

    source: SourceNetwork
    size: WorkingSize
    name: str
    network: PhotoToProbability
    file: Path
    unsimplified: str


@dataclass(frozen=True, eq=False)
class ConvertedGraph:
    """A graph of some precision, and what was found out while it was made."""

    model: onnx.ModelProto
    checks: tuple[Check, ...] = ()


Maker = Callable[[Exported], ConvertedGraph]

MAKERS: dict[Precision, Maker] = {
    "fp32": lambda exported: ConvertedGraph(gathered(onnx.load(exported.file))),
    "fp16": lambda exported: ConvertedGraph(to_half_compute(onnx.load(exported.file))),
    "fp16w": lambda exported: ConvertedGraph(to_half_weights(gathered(onnx.load(exported.file)))),
}


@dataclass(frozen=True, eq=False)
class ExportedFile:
    """A model file, not yet published, and what is known of it.

    Attributes:
        file: in the scratch folder, under its final name; not there where it could not be made.
        evidence: checks and scores.
        measured: against PyTorch; None where it could not be computed.
    """

    file: Path
    evidence: EvaluationResult
    measured: ParityReport | None


def export(
    source: SourceNetwork, size: WorkingSize, name: str, order: ExportOptions, scratch: Path
) -> Exported:
    """Trace and simplify.

    Raises:
        ModelError: the network cannot be exported.
    """
    source = replace(source, preprocessing=replace(source.preprocessing, size=size.size))
    network = PhotoToProbability(source.network, source.preprocessing, source.reading).eval()
    model, unsimplified = (
        trace_to_onnx(network, size.size, order.opset, order.dynamic),
        "not asked for",
    )
    if order.simplified:
        model, unsimplified = simplify(model)
    file = scratch / f"{name}.graph.onnx"
    onnx.save(model, file)
    return Exported(source, size, name, network, file, unsimplified)


def truth_of(exported: Exported, order: ExportOptions, scratch: Path) -> ReferenceOutputs:
    """PyTorch's results in FP32 on the photographs."""
    how, threshold = exported.source.preprocessing, exported.size.threshold
    return in_torch(exported.network, how, threshold, order.data_sets, order.given, scratch)


def make(
    precision: Precision,
    maker: Maker,
    exported: Exported,
    digest: str,
    truth: ReferenceOutputs,
    order: ExportOptions,
) -> ExportedFile:
    """One precision's file, measured and checked; whatever goes wrong is a check that failed."""
    file = exported.file.with_name(f"{exported.name}.{precision}.onnx")
    card = make_card(
        exported.source, exported.size, exported.name, digest, precision, order.dynamic
    )
    try:
        made = maker(exported)
        file.write_bytes(add_card(made.model, card))
        measured = measure(
            load_runtime(file, exported.size.size, "onnxruntime", cpu.usable_cores()), truth
        )
    except MemoryError:
        raise
    except Exception as error:  # a converter's own errors share no base class
        failure = Check("made", None, None, f"{type(error).__name__}: {one_line(error)}", False)
        return ExportedFile(file, _evidence(file, card, (), (failure,)), None)
    if measured.data_sets:
        card = card._replace(evidence={**card.evidence, **_dice(measured.data_sets)})
        file.write_bytes(add_card(made.model, card))
    checks = _checks(precision, exported, made, file, card, measured, truth, order)
    return ExportedFile(file, _evidence(file, card, measured.data_sets, checks), measured)


def _checks(
    precision: Precision,
    exported: Exported,
    made: ConvertedGraph,
    file: Path,
    card: ModelCard,
    measured: ParityReport,
    truth: ReferenceOutputs,
    order: ExportOptions,
) -> tuple[Check, ...]:
    whole = (
        initializer_bytes(onnx.load(exported.file))
        if precision != "fp32"
        else initializer_bytes(made.model)
    )
    simplified = Check("simplified", None, None, exported.unsimplified or "by onnxsim", True)
    return (
        check_graph(file),
        *([simplified] if precision == "fp32" else ()),
        check_card(file, card),
        check_bytes(precision, initializer_bytes(made.model), whole),
        *made.checks,
        *check_arithmetic(precision, cpu.cpu_features()),
        *check_measured(precision, measured),
        *(
            check_dice(precision, own, torch, order.largest_drop)
            for own, torch in zip(measured.data_sets, truth.scores, strict=True)
        ),
    )


def torch_evidence(exported: Exported, truth: ReferenceOutputs) -> EvaluationResult:
    """What the files are compared with."""
    return EvaluationResult(
        exported.name, "fp32", "pytorch", "native", truth.threshold, truth.scores
    )


def _evidence(
    file: Path, card: ModelCard, data_sets: tuple[DataSetScores, ...], checks: tuple[Check, ...]
) -> EvaluationResult:
    size = file.stat().st_size if file.is_file() else 0
    return EvaluationResult(
        card.name,
        card.precision,
        "onnxruntime",
        "native",
        card.threshold,
        data_sets,
        file.name,
        size,
        checks,
    )


def _dice(data_sets: tuple[DataSetScores, ...]) -> dict[str, float]:
    """As in a card: mean Dice by `DATA/SPLIT/native`."""
    return {
        f"{d.name}/{d.split}/native": round(d.mean.dice, 6) for d in data_sets if d.mean is not None
    }
