"""Tests of the comparison with FP64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeseg.datasets import open_data
from edgeseg.evaluation.result import Check
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg_export.onnx_graph.trace import PhotoToProbability
from edgeseg_export.precision.build import build_file
from edgeseg_export.precision.fp32 import ExportOptions, export_fp32
from edgeseg_export.source import source_from_checkpoint
from edgeseg_export.verify.checks import check_rounding
from edgeseg_export.verify.parity import compute_reference
from edgeseg_export.verify.prepared_pair import prepare_pair
from edgeseg_export.verify.rounding import RoundingError, compute_in_double
from edgeseg_train.checkpoint import Checkpoint, WorkingSize

MakeCheckpoint = Callable[[PreprocessingConfig, tuple[WorkingSize, ...]], Checkpoint]

SIZE = WorkingSize("default", 64, 0.4)
CONFIG = preprocessing_preset("edge", 64)


def build_with_large_logits(
    checkpoint: Checkpoint, folder: Path, gain: float, bias: float = 0.0
) -> Check:
    """Convert a network with amplified logits and return the check of the difference.

    Args:
        checkpoint: tiny network.
        folder: scratch folder.
        gain: factor of the logits.
        bias: difference of the logits between the reference and the file, before the factor.
    """
    source = source_from_checkpoint(checkpoint)
    head = source.network.output[0]  # type: ignore[index]
    assert isinstance(head, torch.nn.Conv2d)
    assert head.bias is not None
    data_sets = (open_data("synthetic:1", "test"),)
    photo = torch.from_numpy(prepare_pair("synthetic", data_sets[0].pairs[0], CONFIG).tensor)
    with torch.no_grad():
        # Values on both sides of 0.
        head.bias.sub_(source.network(photo.permute(0, 3, 1, 2) / 255).median())
        head.weight.mul_(gain)
        head.bias.mul_(gain)
    options = ExportOptions(("fp32",), data_sets, False, simplified=False)
    graph = export_fp32(source, SIZE, "net", options, folder)
    with torch.no_grad():
        head.bias.add_(bias * gain)
    reference = compute_reference(graph.network, CONFIG, 0.4, data_sets, False, folder)
    result = build_file("fp32", graph, "0" * 64, reference, options).result
    (check,) = (check for check in result.checks if check.name == "difference")
    return check


@pytest.mark.parametrize(
    ("gain", "bias", "passed", "is_double"),
    [(1, 0, True, False), (3e5, 0, True, True), (3e5, 1e-3, False, True)],
)
def test_check_difference_allows_rounding_errors_of_pytorch(
    make_checkpoint: MakeCheckpoint,
    tmp_path: Path,
    gain: float,
    bias: float,
    passed: bool,
    is_double: bool,
) -> None:
    check = build_with_large_logits(make_checkpoint(CONFIG, (SIZE,)), tmp_path, gain, bias)
    assert check.value is not None
    assert check.limit is not None
    assert check.passed == passed
    assert (check.value <= check.limit) == passed
    assert (check.limit > 1e-4) == is_double


def test_check_rounding_reports_photograph_with_largest_ratio() -> None:
    errors = [RoundingError(1e-2, 2e-2), RoundingError(1e-6, 1.5e-4)]
    check = check_rounding(errors)
    assert not check
    assert (check.value, check.limit) == (1.5e-4, 1e-4)
    assert check_rounding(errors[:1])
    assert not check_rounding([RoundingError(1e-2, float("nan"))])


def test_compute_in_double_rejects_network_that_converts_to_fp32() -> None:
    class Single(torch.nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).float()

    photo = np.full((1, 64, 64, 3), 100, np.uint8)
    network = PhotoToProbability(torch.nn.Conv2d(3, 1, 1), replace(CONFIG)).double()
    assert compute_in_double(network, photo).dtype == np.float64
    network = PhotoToProbability(Single(3, 1, 1), CONFIG).double()
    with pytest.raises(ArithmeticError):
        compute_in_double(network, photo)
    assert torch.get_default_dtype() == torch.float32
