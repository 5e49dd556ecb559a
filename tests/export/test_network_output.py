"""Tests of the selection of the vessel map among the outputs of a network."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from edgeseg.errors import ModelError
from edgeseg_export.network_output import SizeError, activate, select_map
from edgeseg_export.output_spec import OutputSpec

FRAME = (32, 32)
WHOLE = torch.linspace(-2, 2, 32 * 32).view(1, 1, 32, 32)
CLASSES = torch.cat([WHOLE, -WHOLE, WHOLE * 2], 1)
HALF = torch.ones(1, 1, 16, 16)


class Named(NamedTuple):
    aux: Tensor
    logits: Tensor


def compute(outputs: object, spec: str = "") -> Tensor:
    parsed = OutputSpec.parse(spec) if spec else OutputSpec()
    return activate(select_map(outputs, parsed, FRAME)[0], parsed)


@pytest.mark.parametrize(
    "outputs",
    [
        WHOLE,
        WHOLE[0],
        WHOLE[0, 0],
        WHOLE.permute(0, 2, 3, 1),
        [WHOLE],
        {"logits": WHOLE, "scores": torch.zeros(1, 2), "loss": None},
    ],
)
def test_select_map_returns_the_only_map(outputs: object) -> None:
    assert torch.equal(compute(outputs), WHOLE.sigmoid()[:, 0])


@pytest.mark.parametrize(
    ("outputs", "spec"),
    [
        ([HALF, WHOLE], "1:logit"),
        ([HALF, WHOLE], "-1"),
        ({"out": WHOLE, "aux": HALF}, "out"),
        ({"out": WHOLE, "aux": HALF}, "0:logit"),
        (Named(HALF, WHOLE), "logits:logit"),
        ((HALF, [HALF, WHOLE]), "1.1"),
        (CLASSES, "logit:0"),
    ],
)
def test_output_is_selected_by_index_or_name(outputs: object, spec: str) -> None:
    assert torch.equal(compute(outputs, spec), WHOLE.sigmoid()[:, 0])


@pytest.mark.parametrize("spec", ["softmax:1", "0:softmax:1", "softmax:-1"])
@pytest.mark.parametrize("count", [2, 3])
def test_softmax_of_channel_equals_torch(spec: str, count: int) -> None:
    expected = torch.softmax(CLASSES[:, :count], 1)[:, int(spec.rpartition(":")[2])]
    assert torch.allclose(compute(CLASSES[:, :count], spec), expected, atol=1e-6)


def test_softmax_of_two_classes_defaults_to_second() -> None:
    assert torch.equal(compute(CLASSES[:, :2], "softmax"), compute(CLASSES[:, :2], "softmax:1"))


def test_probability_is_not_activated() -> None:
    assert torch.equal(compute(CLASSES, "probability:2"), CLASSES[:, 2])


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_smaller_map_is_enlarged_before_activation(factor: int) -> None:
    small = torch.randn(1, 1, 32 // factor, 32 // factor)
    channels, enlargement = select_map(small, OutputSpec(), FRAME)
    expected = torch.nn.functional.interpolate(small, FRAME, mode="bilinear")
    assert enlargement == factor
    assert torch.allclose(channels, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("outputs", "spec", "advice"),
    [
        ([WHOLE, WHOLE], "", "0:logit"),
        ([HALF, WHOLE], "", "1:logit"),
        ({"out": CLASSES[:, :2], "aux": CLASSES[:, :2]}, "", "out:softmax:1"),
        (CLASSES[:, :2], "", "0:softmax:1"),
        (CLASSES[:, :2], "probability", "0:probability:1"),
        (WHOLE, "softmax:1", "0:logit"),
        (WHOLE, "1:logit", "0:logit"),
        ({"out": WHOLE}, "logits", "out:logit"),
        ([WHOLE, torch.ones(1, 2)], "1:logit", "0:logit"),
    ],
)
def test_ambiguous_or_missing_map_is_rejected_with_option_that_works(
    outputs: object, spec: str, advice: str
) -> None:
    with pytest.raises(ModelError) as error:
        compute(outputs, spec)
    assert f"--output {advice}" in str(error.value)
    assert compute(outputs, advice).shape == (1, 32, 32)


def test_channel_out_of_range_is_rejected() -> None:
    with pytest.raises(ModelError, match="3 channels"):
        compute(CLASSES, "softmax:3")


@pytest.mark.parametrize("outputs", [torch.ones(1, 1, 30, 30), [torch.ones(1, 2)]])
def test_map_of_another_size_is_rejected(outputs: object) -> None:
    with pytest.raises(SizeError, match="32x32"):
        compute(outputs)


@pytest.mark.parametrize("outputs", [None, "map", [], {}])
def test_outputs_without_tensor_are_rejected(outputs: object) -> None:
    with pytest.raises(ModelError, match="without tensors"):
        compute(outputs)
