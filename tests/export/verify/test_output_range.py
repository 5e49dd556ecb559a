"""Tests of the check of a network's output values."""

from __future__ import annotations

import pytest
import torch

from edgeseg.datasets import open_data
from edgeseg.errors import ModelError
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_export.network_output import activate
from edgeseg_export.output_spec import OutputSpec
from edgeseg_export.verify.output_range import OutputRange
from edgeseg_export.verify.prepared_pair import PreparedPair, prepare_pair

LOGITS = torch.linspace(-3, 3, 64 * 64).view(1, 1, 64, 64)
CLASSES = torch.cat([LOGITS, -LOGITS], 1)


def check(channels: torch.Tensor, spec: str) -> None:
    output_range = OutputRange()
    output_range.add_map(channels, OutputSpec.parse(spec))
    output_range.check_kind(OutputSpec.parse(spec))


@pytest.mark.parametrize(
    ("channels", "spec"),
    [
        (LOGITS, "0:logit"),
        (LOGITS.sigmoid(), "0:probability"),
        (LOGITS.sigmoid() * (1 + 1e-6), "0:probability"),
        (CLASSES, "0:softmax:1"),
        (CLASSES.softmax(1), "0:probability:1"),
        (CLASSES.log_softmax(1), "0:softmax:1"),
    ],
)
def test_check_kind_passes_declared_kind(channels: torch.Tensor, spec: str) -> None:
    check(channels, spec)


@pytest.mark.parametrize(
    ("channels", "spec", "advice"),
    [
        (LOGITS.sigmoid(), "0:logit", "0:probability"),
        (LOGITS.sigmoid(), "out:logit", "out:probability"),
        (LOGITS, "0:probability", "0:logit"),
        (CLASSES.softmax(1), "0:softmax:1", "0:probability:1"),
        (CLASSES.softmax(1), "-1:softmax", "-1:probability:1"),
        (CLASSES.softmax(1), "0:logit:1", "0:probability:1"),
        (CLASSES, "0:probability:1", "0:softmax:1"),
    ],
)
def test_check_kind_names_option_that_passes(
    channels: torch.Tensor, spec: str, advice: str
) -> None:
    with pytest.raises(ModelError) as error:
        check(channels, spec)
    assert f"--output {advice}" in str(error.value)
    check(channels, advice)


def test_check_kind_uses_values_of_all_photographs() -> None:
    spec = OutputSpec()
    output_range = OutputRange()
    output_range.add_map(LOGITS.clamp(0, 1), spec)
    output_range.add_map(LOGITS, spec)
    output_range.check_kind(spec)


@pytest.fixture(scope="module")
def pair() -> PreparedPair:
    (loadable,) = open_data("synthetic:1", "test").pairs
    return prepare_pair("synthetic", loadable, preprocessing_preset("edge", 64))


@pytest.mark.parametrize(
    ("values", "implausible"),
    [((0.0,), True), ((1.0,), True), ((0.0, 1.0), True), ((0.0, None), False), ((), False)],
)
def test_masks_are_implausible_if_all_are_full_or_empty(
    pair: PreparedPair, values: tuple[float | None, ...], implausible: bool
) -> None:
    output_range = OutputRange()
    for value in values:
        channels = LOGITS if value is None else torch.full_like(LOGITS, 100 * value - 50)
        probability = activate(channels, OutputSpec())[0].numpy()
        output_range.add_mask(pair, probability, 0.5)
    assert bool(output_range.describe_implausible_masks()) == implausible
