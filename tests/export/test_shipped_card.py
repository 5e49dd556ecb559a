"""Every shipped file is the one that the card names, and finds the vessels that the card says.

`EDGESEG_WRITE_RECORD=1 EDGESEG_DATA=... pytest tests/export/test_shipped_card.py` writes the card's table anew.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edgeseg import Segmenter
from edgeseg.datasets import open_data
from edgeseg.device.cpu import cpu_features
from edgeseg.evaluation.protocols import evaluate
from edgeseg.models.card import read_card
from edgeseg.models.catalog import MODEL_FOLDER
from edgeseg.models.selection import INT8_FEATURES
from edgeseg_export.publish import sha256

CARD = MODEL_FOLDER / "README.md"
ROW = re.compile(
    r"^\| `(?P<name>\S+\.onnx)` \| (?P<bytes>[\d,]+) \| `(?P<sha256>[0-9a-f]{64})` \| (?P<dice>.+) \|$"
)
FILES = tuple(sorted(file.name for file in MODEL_FOLDER.glob("*.onnx")))
WITHIN = 0.001


@dataclass(frozen=True)
class Row:
    """A file as the card has it: Dice is a mean over four drawn photographs, and DRIVE's first four."""

    name: str
    size: int
    sha256: str
    drawn: float
    drive: float

    def __str__(self) -> str:
        return f"| `{self.name}` | {self.size:,} | `{self.sha256}` | {self.drawn:.4f} | {self.drive:.4f} |"


def rows() -> dict[str, Row]:
    """The card's table."""
    found = [
        match
        for line in CARD.read_text(encoding="utf-8").splitlines()
        if (match := ROW.match(line))
    ]
    return {
        m["name"]: Row(m["name"], int(m["bytes"].replace(",", "")), m["sha256"], *_two(m["dice"]))
        for m in found
    }


def _two(cells: str) -> tuple[float, float]:
    drawn, drive = cells.split(" | ")
    return float(drawn), float(drive)


def dice(name: str, data: str) -> float:
    """Mean Dice of the first four photographs in ONNX Runtime."""
    photographs = open_data(data, "test")
    segmenter = Segmenter(MODEL_FOLDER / name, runtime="onnxruntime", threads=1)
    mean = evaluate(segmenter, replace(photographs, pairs=photographs.pairs[:4]), "native").mean
    assert mean is not None
    return mean.dice


@pytest.fixture(scope="module", autouse=True)
def written() -> None:
    """The table anew, where that is asked for."""
    if not os.environ.get("EDGESEG_WRITE_RECORD"):
        return
    drive = f"drive:{Path(os.environ['EDGESEG_DATA']) / 'DRIVE'}"
    text = CARD.read_text(encoding="utf-8")
    for name in FILES:
        file = MODEL_FOLDER / name
        row = Row(
            name, file.stat().st_size, sha256(file), dice(name, "synthetic:4"), dice(name, drive)
        )
        text = re.sub(rf"^\| `{re.escape(name)}` \|.*$", str(row), text, flags=re.MULTILINE)
    CARD.write_text(text, encoding="utf-8")


def test_the_card_lists_every_file() -> None:
    assert tuple(sorted(rows())) == FILES


@pytest.mark.parametrize("name", FILES)
def test_size_and_hash(name: str) -> None:
    assert (rows()[name].size, rows()[name].sha256) == (
        (MODEL_FOLDER / name).stat().st_size,
        sha256(MODEL_FOLDER / name),
    )


@pytest.mark.parametrize("name", FILES)
def test_dice_of_drawn_photographs(name: str) -> None:
    _skip_other_arithmetic(name)
    assert dice(name, "synthetic:4") == pytest.approx(rows()[name].drawn, abs=WITHIN)


@pytest.mark.parametrize("name", FILES)
def test_dice_of_drive(name: str, data_root: Path) -> None:
    _skip_other_arithmetic(name)
    assert dice(name, f"drive:{data_root / 'DRIVE'}") == pytest.approx(
        rows()[name].drive, abs=WITHIN
    )


def _skip_other_arithmetic(name: str) -> None:
    if (
        read_card(MODEL_FOLDER / name).precision == "int8"
        and not cpu_features() & INT8_FEATURES.keys()
    ):
        pytest.skip(
            "this CPU has neither AVX2 nor dot product: ONNX Runtime has other INT8 kernels there"
        )
