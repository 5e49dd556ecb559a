"""`auto`'s rule, held to the recorded instructions: no emulation here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeseg.models.card import Precision, read_card
from edgeseg.models.catalog import MODEL_FOLDER, SHIPPED_MODELS
from edgeseg.models.selection import choose_precision

RECORD = Path(__file__).parents[2] / "benchmarks" / "arm64.json"
WORTH_IT = 1.5
"""A precision that spares less leaves FP32 alone, whose numbers are the network's own."""

FEATURES = {"pi4": {"asimd"}, "pi5": {"asimd", "fphp", "asimdhp", "asimddp"}}


@pytest.mark.parametrize(
    "there", [("fp32", "fp16", "int8"), ("fp32", "fp16"), ("fp32",)], ids=" ".join
)
@pytest.mark.parametrize("board", FEATURES)
def test_auto_takes_what_the_record_says_is_least_work(
    board: str, there: tuple[Precision, ...]
) -> None:
    millions: dict[Precision, float] = json.loads(RECORD.read_text())["instructions_millions"][
        board
    ]
    worth_it = [
        precision for precision in there if millions[precision] * WORTH_IT <= millions["fp32"]
    ]
    cards = {
        precision: read_card(MODEL_FOLDER / f"{SHIPPED_MODELS['default']}.{precision}.onnx")
        for precision in there
    }
    chosen, _ = choose_precision(cards, FEATURES[board])
    assert chosen == min(worth_it, key=lambda precision: millions[precision], default="fp32")
