"""Checks of a model file against its network, with the limits of each precision."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import msgspec
import numpy as np
import onnx

from edgeseg.console import plural
from edgeseg.errors import EdgesegError, one_line
from edgeseg.evaluation.result import Check
from edgeseg.evaluation.scores import DataSetScores
from edgeseg.models.card import ModelCard, Precision
from edgeseg.models.loaded_file import load_file
from edgeseg.models.selection import MAX_DICE_DROP, MAX_MASK_CHANGE
from edgeseg_export.verify.parity import ParityReport
from edgeseg_export.verify.rounding import RoundingError
from edgeseg_export.verify.value_range import LargestValue

# Limit of the difference between an FP32 file and FP64, as a multiple of the difference of PyTorch
# in FP32.
MAX_ROUNDING_RATIO = 4.0

# Largest finite number in half precision.
LARGEST_HALF = 65504.0


@dataclass(frozen=True)
class ParityLimits:
    """Largest values that pass; None means no limit.

    Attributes:
        bytes: size of the weights, relative to their size in FP32.
        difference: largest difference from the probability of PyTorch in FP32.
        mask_change: share of changed mask pixels in a photograph's field of view.
        dice_drop: drop of a data set's mean Dice relative to PyTorch in FP32.
    """

    bytes: float | None
    difference: float | None
    mask_change: float | None
    dice_drop: float


LIMITS: dict[Precision, ParityLimits] = {
    "fp32": ParityLimits(None, 1e-4, None, 1e-4),
    "fp16": ParityLimits(0.51, None, MAX_MASK_CHANGE["fp16"], 1e-3),
    "fp16w": ParityLimits(0.51, None, MAX_MASK_CHANGE["fp16w"], 1e-3),
    "int8": ParityLimits(0.30, None, MAX_MASK_CHANGE["int8"], MAX_DICE_DROP),
}


def check_graph(file: Path) -> Check:
    """Check a file with `onnx.checker`, including shape and type inference."""
    try:
        onnx.checker.check_model(str(file), full_check=True)
    except Exception as error:  # the checker may raise any exception
        return Check("graph", None, None, one_line(error, 200), False)
    return Check("graph", None, None, "onnx.checker, full check", True)


def check_card(file: Path, card: ModelCard) -> Check:
    """Check that the file contains the expected metadata and a matching checksum."""
    try:
        equal = load_file(file).card == card
    except EdgesegError as error:
        return Check("card", None, None, str(error), False)
    return Check("card", None, None, "metadata and checksum in the file", equal)


def check_bytes(precision: Precision, weight_bytes: int, fp32_bytes: int) -> Check:
    """Compare the size of the weights with their size in FP32."""
    note = f"weights: {weight_bytes:,} bytes, in FP32 {fp32_bytes:,} bytes"
    return Check.at_most("bytes", weight_bytes / max(1, fp32_bytes), LIMITS[precision].bytes, note)


def check_parity(precision: Precision, parity: ParityReport) -> list[Check]:
    """Check that the probability is finite and close to PyTorch, and that the masks agree."""
    limits = LIMITS[precision]
    largest = max(parity.differences)
    photographs = plural(len(parity.differences), "photograph")
    finite_note = f"no NaN or infinity on {photographs}"
    difference_note = f"largest difference from the probability of PyTorch, {photographs}"
    change_note = (
        f"largest share of changed mask pixels in the field of view, {photographs} "
        f"(worst: {parity.worst.name})"
    )
    return [
        Check("finite", None, None, finite_note, isfinite(largest)),
        Check.at_most("difference", largest, limits.difference, difference_note),
        Check.at_most("flipped", max(parity.mask_changes), limits.mask_change, change_note),
    ]


def check_rounding(errors: Sequence[RoundingError]) -> Check:
    """Compare an FP32 file with FP64, because PyTorch in FP32 is inaccurate for this network.

    Args:
        errors: rounding errors that exceed the limit of the check `difference`.
    """
    limit = LIMITS["fp32"].difference
    assert limit is not None
    allowed = [max(limit, MAX_ROUNDING_RATIO * error.pytorch) for error in errors]
    ratios = [error.file / bound for error, bound in zip(errors, allowed, strict=True)]
    worst = int(np.argmax(ratios))  # index of the first NaN, if any
    note = (
        f"largest difference from the probability of PyTorch in FP64; PyTorch in FP32 differs by "
        f"{errors[worst].pytorch:.2g}; at least {MAX_ROUNDING_RATIO:g} times this value is allowed"
    )
    return Check.at_most("difference", errors[worst].file, allowed[worst], note)


def check_dice(
    precision: Precision,
    own: DataSetScores,
    reference: DataSetScores,
    max_drop: float | None = None,
) -> Check:
    """Compare a data set's mean Dice with the mean Dice of PyTorch.

    Args:
        precision: precision of the file.
        own: scores of the file.
        reference: scores of PyTorch on the same photographs.
        max_drop: largest drop that passes; None means the limit of the precision.
    """
    limit = LIMITS[precision].dice_drop if max_drop is None else max_drop
    assert own.mean is not None and reference.mean is not None
    pairs = zip(reference.scored, own.scored, strict=True)
    worst = max(expected.dice - actual.dice for expected, actual in pairs)
    note = (
        f"{own.name} {own.split}: {own.mean.dice:.4f}, PyTorch {reference.mean.dice:.4f}; "
        f"largest drop of a photograph {worst:.4f}"
    )
    return Check.at_most("Dice drop", reference.mean.dice - own.mean.dice, limit, note)


def check_half_precision(
    parity: ParityReport, reference: Sequence[DataSetScores], max_drop: float | None
) -> list[Check]:
    """Check the results of an FP16 file with every node computed in half precision.

    Args:
        parity: comparison of the results with PyTorch.
        reference: scores of PyTorch.
        max_drop: largest drop of Dice that passes; None means the limit of FP16.
    """
    finite, _, flipped = check_parity("fp16", parity)
    checks = [finite, flipped]
    for own, expected in zip(parity.scores, reference, strict=True):
        checks.append(check_dice("fp16", own, expected, max_drop))
    return [msgspec.structs.replace(check, name=f"half {check.name}") for check in checks]


def check_range(largest: LargestValue) -> Check:
    """Check that every intermediate value of the FP32 graph fits into half precision."""
    note = f"largest value of an intermediate tensor in FP32: {largest.operator} {largest.tensor}"
    return Check.at_most("half range", largest.value, LARGEST_HALF, note)


def check_arithmetic(precision: Precision, features: Collection[str]) -> list[Check]:
    """Report the data type that this CPU used for an FP16 file.

    Args:
        precision: precision of the file; only FP16 gives a check.
        features: CPU features, as in /proc/cpuinfo.
    """
    if precision != "fp16":
        return []
    note = "computed in FP32, because this CPU has no half precision; see the checks `half ...`"
    if {"fphp", "asimdhp"} <= set(features):
        note = "computed in half precision"
    return [Check("arithmetic", None, None, note, True)]
