"""Tests of the shipped model files: their origin and their accuracy."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from click.testing import Result

from edgeseg import Segmenter
from edgeseg.datasets import open_data
from edgeseg.evaluation.metrics import count_pixels
from edgeseg.evaluation.protocols import evaluate
from edgeseg.models.card import read_card
from edgeseg.models.catalog import MODEL_FOLDER, SHIPPED_MODELS
from edgeseg.runtimes.base import load_runtime
from edgeseg.synthetic import generate_photo
from edgeseg_export import command
from edgeseg_export.onnx_graph.constants import count_weight_bytes
from edgeseg_export.onnx_graph.trace import PhotoToProbability
from edgeseg_export.publish import file_sha256
from edgeseg_export.verify.checks import check_bytes, check_dice, check_parity
from edgeseg_export.verify.parity import compute_reference, measure_parity
from edgeseg_train.checkpoint import load_checkpoint

CHECKPOINT = Path(__file__).parents[2] / "train" / "checkpoints" / "lean.pt"

# Precisions that depend only on the checkpoint. INT8 also depends on the calibration.
REPRODUCIBLE = ("fp32", "fp16", "fp16w")


def list_shipped(*precisions: str) -> list[str]:
    files = sorted(MODEL_FOLDER.glob("*.onnx"))
    return [file.name for file in files if read_card(file).precision in precisions]


def read_weights(file: Path) -> dict[str, bytes]:
    return {weight.name: weight.raw_data for weight in onnx.load(file).graph.initializer}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory, run_convert: Callable[..., Result]) -> Path:
    """Convert the shipped checkpoint to FP32 and FP16. All checks must pass."""
    folder = tmp_path_factory.mktemp("converted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "DEFAULT_DATA", "synthetic:1")
        result = run_convert(CHECKPOINT, "-o", folder, "--precision", "fp32,fp16")
    assert result.exit_code == 0, result.output
    return folder


@pytest.mark.slow
def test_shipped_files_are_reproduced_from_checkpoint(converted: Path) -> None:
    names = list_shipped(*REPRODUCIBLE)
    assert set(names) <= {file.name for file in converted.glob("*.onnx")}
    assert {f"{stem}.fp32.onnx" for stem in SHIPPED_MODELS.values()} <= set(names)
    for name in names:
        assert read_weights(MODEL_FOLDER / name) == read_weights(converted / name)
        # A shipped card also contains the Dice on data sets that may not be available.
        shipped_card = read_card(MODEL_FOLDER / name)
        card = read_card(converted / name)
        assert card.evidence.items() <= shipped_card.evidence.items()
        assert shipped_card._replace(evidence=card.evidence) == card
    for name in list_shipped(*REPRODUCIBLE, "int8"):
        assert read_card(MODEL_FOLDER / name).checkpoint_sha256 == file_sha256(CHECKPOINT)


@pytest.mark.slow
@pytest.mark.parametrize("name", list_shipped("int8"))
def test_shipped_int8_file_passes_checks(name: str, tmp_path: Path) -> None:
    checkpoint, card = load_checkpoint(CHECKPOINT), read_card(MODEL_FOLDER / name)
    config = card.preprocessing
    root = os.environ.get("EDGESEG_DATA")
    # Use real photographs if available, because other pixels change on synthetic photographs.
    data_set = open_data(f"drive:{Path(root) / 'DRIVE'}" if root else "synthetic:1", "test")
    data_sets = [replace(data_set, pairs=data_set.pairs[:3])]
    network = PhotoToProbability(checkpoint.network(), config)
    reference = compute_reference(network, config, card.threshold, data_sets, True, tmp_path)
    runtime = load_runtime(MODEL_FOLDER / name, config.size, "onnxruntime", 1)
    parity = measure_parity(runtime, reference)
    weight_bytes = count_weight_bytes(onnx.load(MODEL_FOLDER / name))
    fp32_bytes = count_weight_bytes(onnx.load(MODEL_FOLDER / name.replace("int8", "fp32")))
    checks = check_parity("int8", parity)
    checks.append(check_dice("int8", parity.scores[0], reference.scores[0]))
    checks.append(check_bytes("int8", weight_bytes, fp32_bytes))
    assert [check for check in checks if not check] == []


def test_shipped_weights_were_not_trained_on_research_only_data() -> None:
    for stem in SHIPPED_MODELS.values():
        training_data = read_card(MODEL_FOLDER / f"{stem}.fp32.onnx").training_data
        names = {licence.name for licence in training_data}
        assert names <= {"chasedb1", "hrf", "fives", "synthetic"}


def test_default_model_segments_synthetic_photograph() -> None:
    generated = generate_photo(3, 768)
    segmentation = Segmenter().segment(generated.photo)
    assert count_pixels(segmentation.mask, generated.truth, generated.fov).dice > 0.75


@pytest.mark.slow
def test_default_model_reaches_dice_on_drive_with_1_percent_of_reference_gmac(
    data_root: Path,
) -> None:
    segmenter = Segmenter(precision="fp32")
    assert segmenter.card.gmac is not None
    assert segmenter.card.gmac <= 389.03 / 100
    result = evaluate(segmenter, open_data(f"drive:{data_root / 'DRIVE'}", "test"), "native")
    assert result.mean is not None
    assert result.mean.dice >= 0.78
