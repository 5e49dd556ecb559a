"""Tests of the table of shipped files in the model card: size, SHA-256 and Dice.

`EDGESEG_WRITE_RECORD=1 EDGESEG_DATA=... pytest tests/export/test_shipped_card.py` updates the
table.
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
from edgeseg_export.publish import file_sha256

CARD = MODEL_FOLDER / "README.md"
ROW = re.compile(
    r"^\| `(?P<name>\S+\.onnx)` \| (?P<bytes>[\d,]+) \| `(?P<sha256>[0-9a-f]{64})` "
    r"\| (?P<synthetic>[\d.]+) \| (?P<drive>[\d.]+) \|$",
    re.MULTILINE,
)
FILES = tuple(sorted(file.name for file in MODEL_FOLDER.glob("*.onnx")))
TOLERANCE = 0.001


@dataclass(frozen=True)
class CardRow:
    """Row of the table, with the mean Dice on four synthetic photographs and on four of DRIVE."""

    name: str
    size: int
    sha256: str
    synthetic: float
    drive: float

    def __str__(self) -> str:
        dice = f"{self.synthetic:.4f} | {self.drive:.4f}"
        return f"| `{self.name}` | {self.size:,} | `{self.sha256}` | {dice} |"


def read_rows() -> dict[str, CardRow]:
    rows = {}
    for match in ROW.finditer(CARD.read_text(encoding="utf-8")):
        size = int(match["bytes"].replace(",", ""))
        dice = float(match["synthetic"]), float(match["drive"])
        rows[match["name"]] = CardRow(match["name"], size, match["sha256"], *dice)
    return rows


def measure_dice(name: str, data: str) -> float:
    """Measure the mean Dice on the first four photographs in ONNX Runtime."""
    data_set = open_data(data, "test")
    segmenter = Segmenter(MODEL_FOLDER / name, runtime="onnxruntime", threads=1)
    mean = evaluate(segmenter, replace(data_set, pairs=data_set.pairs[:4]), "native").mean
    assert mean is not None
    return mean.dice


@pytest.fixture(scope="module", autouse=True)
def updated_table() -> None:
    """Update the table if requested."""
    if not os.environ.get("EDGESEG_WRITE_RECORD"):
        return
    drive = f"drive:{Path(os.environ['EDGESEG_DATA']) / 'DRIVE'}"
    text = CARD.read_text(encoding="utf-8")
    for name in FILES:
        file = MODEL_FOLDER / name
        dice = measure_dice(name, "synthetic:4"), measure_dice(name, drive)
        row = CardRow(name, file.stat().st_size, file_sha256(file), *dice)
        text = re.sub(rf"^\| `{re.escape(name)}` \|.*$", str(row), text, flags=re.MULTILINE)
    CARD.write_text(text, encoding="utf-8")


def test_table_lists_every_file() -> None:
    assert tuple(sorted(read_rows())) == FILES


@pytest.mark.parametrize("name", FILES)
def test_file_has_size_and_sha256_of_table(name: str) -> None:
    file = MODEL_FOLDER / name
    row = read_rows()[name]
    assert (row.size, row.sha256) == (file.stat().st_size, file_sha256(file))


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_file_has_dice_of_table_on_synthetic_photographs(name: str) -> None:
    skip_without_int8_kernels(name)
    expected = read_rows()[name].synthetic
    assert measure_dice(name, "synthetic:4") == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_file_has_dice_of_table_on_drive(name: str, data_root: Path) -> None:
    skip_without_int8_kernels(name)
    expected = read_rows()[name].drive
    drive = f"drive:{data_root / 'DRIVE'}"
    assert measure_dice(name, drive) == pytest.approx(expected, abs=TOLERANCE)


def skip_without_int8_kernels(name: str) -> None:
    is_int8 = read_card(MODEL_FOLDER / name).precision == "int8"
    if is_int8 and not cpu_features() & INT8_FEATURES.keys():
        pytest.skip("ONNX Runtime has other INT8 kernels without AVX2 and dot products")
