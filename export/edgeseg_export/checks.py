"""Proofs that an ONNX file is the network: each check is an object with statistics and a truth value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from edgeseg.arrays import Probability
from edgeseg.datasets import Pair
from edgeseg.errors import EdgesegError
from edgeseg.field_of_view import field_of_view
from edgeseg.model_card import ModelCard, read_card
from edgeseg.preprocess import Prepared, Preprocessing, preprocess
from edgeseg.runtimes import load
from edgeseg_export.graph import PhotoToProbability

LARGEST_DIFFERENCE = {"fp32": 1e-4}
"""Of the probability, against the PyTorch network in FP32."""


@dataclass(frozen=True)
class Check:
    """What was measured, what it may be, and in words.

    Attributes:
        name: of the check.
        value: measured.
        limit: the largest value that passes; None where only yes or no was asked.
        note: what it was measured on, or why it failed.
        passed: the truth value.
    """

    name: str
    value: float | None
    limit: float | None
    note: str
    passed: bool

    def __bool__(self) -> bool:
        return self.passed


def check_graph(model: onnx.ModelProto) -> Check:
    """`onnx.checker` in full, shapes and types inferred."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # whatever it raises is a failed check
        return Check("graph", None, None, " ".join(str(error).split())[:200], False)
    return Check("graph", None, None, "onnx.checker, in full", True)


def check_card(file: Path, card: ModelCard) -> Check:
    """The file says of itself what it should, to the reader that a device uses."""
    try:
        read = read_card(file)
    except EdgesegError as error:
        return Check("card", None, None, str(error), False)
    return Check("card", None, None, "read back from the file", read == card)


def check_parity(
    file: Path, network: PhotoToProbability, photographs: Sequence[Prepared], precision: str = "fp32"
) -> Check:
    """The file in ONNX Runtime against the PyTorch network in FP32, on the same photographs."""
    limit = LARGEST_DIFFERENCE[precision]
    try:
        runtime = load(file, photographs[0].placement.size, "onnxruntime", 2)
        differences = [_difference(runtime.infer(p.tensor), _in_torch(network, p)) for p in photographs]
    except EdgesegError as error:
        return Check("parity", None, limit, str(error), False)
    worst = max(differences)
    return Check("parity", worst, limit, f"largest difference on {len(photographs)} photographs", worst <= limit)


def photographs_for(pairs: Sequence[Pair], how: Preprocessing) -> list[Prepared]:
    """Photographs as the network sees them."""
    return [_prepared(pair, how) for pair in pairs]


def _prepared(pair: Pair, how: Preprocessing) -> Prepared:
    photo = pair.load().photo
    return preprocess(photo, field_of_view(photo, how.fov, pair.name), how)


@torch.inference_mode()
def _in_torch(network: PhotoToProbability, photograph: Prepared) -> Probability:
    probability: Probability = network(torch.from_numpy(photograph.tensor))[0].numpy()
    return probability


def _difference(one: Probability, other: Probability) -> float:
    """Largest absolute difference; infinite where one of them is not a number."""
    difference = np.abs(one - other)
    return float(difference.max()) if np.isfinite(difference).all() else float("inf")
