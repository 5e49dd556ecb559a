"""Proofs that an ONNX file is the network, and what each precision may cost."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from edgeseg.errors import EdgesegError, one_line
from edgeseg.evaluation.result import Check
from edgeseg.evaluation.scores import DataSetScores
from edgeseg.models.card import ModelCard, Precision, read_card
from edgeseg.models.selection import MAX_DICE_DROP, MAX_MASK_CHANGE
from edgeseg_export.verify.parity import ParityReport


@dataclass(frozen=True)
class ParityLimits:
    """The largest values that pass; None where there is no limit.

    Attributes:
        bytes: of the initializers, as a share of FP32's.
        difference: of the probability, against the PyTorch network in FP32.
        flipped: share of the field of view's pixels, in each photograph.
        dice_drop: of a data set's mean Dice, against the PyTorch network in FP32.
    """

    bytes: float | None
    difference: float | None
    flipped: float | None
    dice_drop: float


LIMITS: dict[Precision, ParityLimits] = {
    "fp32": ParityLimits(None, 1e-4, None, 1e-4),
    "fp16": ParityLimits(0.51, None, MAX_MASK_CHANGE["fp16"], 1e-3),
    "fp16w": ParityLimits(0.51, None, MAX_MASK_CHANGE["fp16w"], 1e-3),
    "int8": ParityLimits(0.30, None, MAX_MASK_CHANGE["int8"], MAX_DICE_DROP),
}


def check_graph(file: Path) -> Check:
    """`onnx.checker` in full, shapes and types inferred."""
    try:
        onnx.checker.check_model(str(file), full_check=True)
    except Exception as error:  # whatever it raises is a failed check
        return Check("graph", None, None, one_line(error, 200), False)
    return Check("graph", None, None, "onnx.checker, in full", True)


def check_card(file: Path, card: ModelCard) -> Check:
    """The file says of itself what it should, to the reader that a device uses."""
    try:
        read = read_card(file)
    except EdgesegError as error:
        return Check("card", None, None, str(error), False)
    return Check("card", None, None, "read back from the file", read == card)


def initializer_bytes(model: onnx.ModelProto) -> int:
    """What the weights take; a small network's file is mostly graph and metadata."""
    return sum(_bytes(tensor) for tensor in model.graph.initializer)


def _bytes(tensor: onnx.TensorProto) -> int:
    kind = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    return int(np.prod(tensor.dims, dtype=np.int64)) * kind.itemsize


def check_bytes(precision: Precision, own: int, of_fp32: int) -> Check:
    """Initializers against FP32's."""
    share = own / max(1, of_fp32)
    return Check.at_most(
        "bytes", share, LIMITS[precision].bytes, f"{own:,} of FP32's {of_fp32:,} bytes of weights"
    )


def check_measured(precision: Precision, measured: ParityReport) -> Iterator[Check]:
    """Finite, close, and the same mask."""
    count, limits = len(measured.differences), LIMITS[precision]
    largest = max(measured.differences)
    yield Check(
        "finite",
        None,
        None,
        f"no NaN or infinity on {count} photographs",
        bool(np.isfinite(largest)),
    )
    yield Check.at_most(
        "difference",
        largest,
        limits.difference,
        f"largest of the probability, {count} photographs, against PyTorch",
    )
    note = (
        f"share of the field of view's pixels, worst of {count} photographs ({measured.worst.name})"
    )
    yield Check.at_most("flipped", max(measured.flipped), limits.flipped, note)


def check_dice(
    precision: Precision,
    own: DataSetScores,
    torch: DataSetScores,
    largest_drop: float | None = None,
) -> Check:
    """A data set's mean Dice against the PyTorch network's."""
    limit = LIMITS[precision].dice_drop if largest_drop is None else largest_drop
    assert own.mean is not None
    assert torch.mean is not None
    drops = [a.dice - b.dice for a, b in zip(torch.scored, own.scored, strict=True)]
    note = f"{own.name} {own.split}: {own.mean.dice:.4f}, PyTorch {torch.mean.dice:.4f}; worst photograph {max(drops):.4f}"
    return Check.at_most("Dice drop", torch.mean.dice - own.mean.dice, limit, note)


def check_arithmetic(precision: Precision, features: Collection[str]) -> Iterator[Check]:
    """What this CPU's figures do not say of a board."""
    if precision == "fp16":
        half = {"fphp", "asimdhp"} <= set(features)
        said = (
            "in half precision"
            if half
            else "in FP32 arithmetic, because this CPU has no half precision"
        )
        yield Check("arithmetic", None, None, f"computed {said}", True)
