"""The shipped model files are what `edgeseg convert` makes of the shipped checkpoint, and what their card says."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner

from edgeseg import Segmenter
from edgeseg.cli import cli
from edgeseg.datasets import open_data
from edgeseg.evaluation.metrics import count_pixels
from edgeseg.evaluation.protocols import evaluate
from edgeseg.models.card import read_card
from edgeseg.models.catalog import MODEL_FOLDER, SHIPPED_MODELS
from edgeseg.runtimes.base import load_runtime
from edgeseg.synthetic import generate_photo
from edgeseg_export import command
from edgeseg_export.onnx_graph.trace import PhotoToProbability
from edgeseg_export.publish import sha256
from edgeseg_export.verify.checks import check_bytes, check_dice, check_measured, initializer_bytes
from edgeseg_export.verify.parity import in_torch, measure
from edgeseg_train.checkpoint import load_checkpoint

CHECKPOINT = Path(__file__).parents[2] / "train" / "checkpoints" / "lean.pt"


EXACT = ("fp32", "fp16", "fp16w")
"""What a checkpoint alone decides; INT8 also depends on the photographs that it is calibrated on."""


def shipped(*precisions: str) -> set[str]:
    return {
        file.name for file in MODEL_FOLDER.glob("*.onnx") if read_card(file).precision in precisions
    }


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained weights pass every check of FP32 and FP16, the share of flipped pixels among them."""
    folder = tmp_path_factory.mktemp("converted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "DRAWN", "synthetic:1")
        done = CliRunner().invoke(
            cli, ["convert", str(CHECKPOINT), "-o", str(folder), "--precision", "fp32,fp16"]
        )
    assert done.exit_code == 0, done.output
    return folder


def test_every_shipped_file_is_made_from_the_checkpoint(converted: Path) -> None:
    ours = shipped(*EXACT)
    assert ours <= {file.name for file in converted.glob("*.onnx")}
    assert {f"{stem}.fp32.onnx" for stem in SHIPPED_MODELS.values()} <= ours
    for name in ours:
        here, there = (onnx.load(folder / name).graph for folder in (MODEL_FOLDER, converted))
        assert {t.name: t.raw_data for t in here.initializer} == {
            t.name: t.raw_data for t in there.initializer
        }
        # A shipped card also holds the Dice of photographs that are not given here.
        card, again = read_card(MODEL_FOLDER / name), read_card(converted / name)
        assert again.evidence.items() <= card.evidence.items()
        assert card._replace(evidence=again.evidence) == again
    for name in shipped(*EXACT, "int8"):
        assert read_card(MODEL_FOLDER / name).checkpoint_sha256 == sha256(CHECKPOINT)


def int8_files() -> list[str]:
    return sorted(shipped("int8")) or ["none"]


@pytest.mark.parametrize("name", int8_files())
def test_int8_is_within_what_convert_allows(name: str, tmp_path: Path) -> None:
    if name == "none":
        pytest.skip("no INT8 file is shipped")
    checkpoint, card = load_checkpoint(CHECKPOINT), read_card(MODEL_FOLDER / name)
    data = open_data(_photographs(), "test")
    data_sets = (replace(data, pairs=data.pairs[:3]),)
    network = PhotoToProbability(checkpoint.network(), card.preprocessing)
    truth = in_torch(network, card.preprocessing, card.threshold, data_sets, True, tmp_path)
    runtime = load_runtime(MODEL_FOLDER / name, card.preprocessing.size, "onnxruntime", 1)
    measured = measure(runtime, truth)
    (own,), (torch,) = measured.data_sets, truth.scores
    checks = [*check_measured("int8", measured), check_dice("int8", own, torch)]
    whole = initializer_bytes(onnx.load(MODEL_FOLDER / name.replace("int8", "fp32")))
    checks.append(check_bytes("int8", initializer_bytes(onnx.load(MODEL_FOLDER / name)), whole))
    assert [check for check in checks if not check] == []


def _photographs() -> str:
    """Real ones where there are any: drawn ones flip other pixels."""
    root = os.environ.get("EDGESEG_DATA")
    return f"drive:{Path(root) / 'DRIVE'}" if root else "synthetic:1"


def test_no_shipped_weights_carry_data_for_research_only() -> None:
    for stem in SHIPPED_MODELS.values():
        trained_on = {
            data.name for data in read_card(MODEL_FOLDER / f"{stem}.fp32.onnx").training_data
        }
        assert trained_on <= {"chasedb1", "hrf", "fives", "synthetic"}


def test_it_finds_the_vessels_of_a_drawn_photograph() -> None:
    drawn = generate_photo(3, 768)
    found = Segmenter().segment(drawn.photo)
    assert count_pixels(found.mask, drawn.truth, drawn.fov).dice > 0.75


def test_drive_with_a_hundredth_of_the_reference_systems_work(data_root: Path) -> None:
    segmenter = Segmenter(precision="fp32")
    assert segmenter.card.gmac is not None and segmenter.card.gmac <= 389.03 / 100
    evidence = evaluate(segmenter, open_data(f"drive:{data_root / 'DRIVE'}", "test"), "native")
    assert evidence.mean is not None and evidence.mean.dice >= 0.78
