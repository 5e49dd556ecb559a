"""Tests that the rule of `auto` agrees with the recorded instruction counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeseg.models.card import Precision, read_card
from edgeseg.models.catalog import MODEL_FOLDER, SHIPPED_MODELS
from edgeseg.models.selection import choose_precision

RECORD = Path(__file__).parents[2] / "benchmarks" / "arm64.json"
MIN_SAVING = 1.5
"""Minimum ratio between the instruction counts of FP32 and of a precision that `auto` selects."""

FEATURES = {"pi4": {"asimd"}, "pi5": {"asimd", "fphp", "asimdhp", "asimddp"}}


@pytest.mark.parametrize(
    "available", [("fp32", "fp16", "int8"), ("fp32", "fp16"), ("fp32",)], ids=" ".join
)
@pytest.mark.parametrize("board", FEATURES)
def test_auto_selects_the_precision_with_fewest_recorded_instructions(
    board: str, available: tuple[Precision, ...]
) -> None:
    record = json.loads(RECORD.read_text())
    millions: dict[Precision, float] = record["instructions_millions"][board]
    expected: Precision = "fp32"
    cards = {}
    for precision in available:
        stem = SHIPPED_MODELS["default"]
        cards[precision] = read_card(MODEL_FOLDER / f"{stem}.{precision}.onnx")
        saves = millions[precision] * MIN_SAVING <= millions["fp32"]
        if saves and millions[precision] < millions[expected]:
            expected = precision
    assert choose_precision(cards, FEATURES[board])[0] == expected
