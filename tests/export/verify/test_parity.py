"""Tests of the comparison between a model file and PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeseg.datasets import open_data
from edgeseg.evaluation.protocols import evaluate
from edgeseg.evaluation.result import Check
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg.runtimes.base import load_runtime
from edgeseg.segmenter import Segmenter
from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx
from edgeseg_export.publish import add_card, make_card
from edgeseg_export.source import source_from_checkpoint
from edgeseg_export.verify import checks
from edgeseg_export.verify.parity import compute_reference, measure_parity
from edgeseg_export.verify.prepared_pair import prepare_pair
from edgeseg_train.checkpoint import Checkpoint, WorkingSize
from edgeseg_train.network.resunet import ResUNet

MakeCheckpoint = Callable[[PreprocessingConfig, tuple[WorkingSize, ...]], Checkpoint]

CONFIG = preprocessing_preset("edge", 64)
SIZE = WorkingSize("default", 64, 0.4)


@pytest.fixture
def model_file(tmp_path: Path, make_checkpoint: MakeCheckpoint) -> Path:
    checkpoint = make_checkpoint(CONFIG, (SIZE,))
    card = make_card(source_from_checkpoint(checkpoint), SIZE, "net", "0" * 64)
    model = trace_to_onnx(PhotoToProbability(checkpoint.network(), CONFIG), 64)
    file = tmp_path / "net.fp32.onnx"
    file.write_bytes(add_card(model, card))
    return file


def compare(file: Path, network: ResUNet, scratch: Path) -> list[Check]:
    data_sets = [open_data("synthetic:1", "test")]
    photo_network = PhotoToProbability(network, CONFIG)
    reference = compute_reference(photo_network, CONFIG, 0.5, data_sets, False, scratch)
    parity = measure_parity(load_runtime(file, 64, "onnxruntime", 1), reference)
    return checks.check_parity("fp32", parity)


def test_parity_fails_for_another_network(
    model_file: Path, tmp_path: Path, make_checkpoint: MakeCheckpoint
) -> None:
    network = make_checkpoint(CONFIG, (SIZE,)).network()
    assert all(compare(model_file, network, tmp_path))
    with torch.no_grad():
        network.output[0].bias.add_(0.01)  # type: ignore[index]
    (failed,) = [check for check in compare(model_file, network, tmp_path) if not check]
    assert failed.name == "difference"
    assert failed.value is not None
    assert 1e-4 < failed.value < 0.01
    with torch.no_grad():
        network.output[0].bias.fill_(float("nan"))  # type: ignore[index]
    failures = {check.name for check in compare(model_file, network, tmp_path) if not check}
    assert failures == {"finite", "difference"}


def test_check_card_fails_when_metadata_differs(
    model_file: Path, make_checkpoint: MakeCheckpoint
) -> None:
    source = source_from_checkpoint(make_checkpoint(CONFIG, (SIZE,)))
    card = make_card(source, SIZE, "net", "0" * 64)
    assert checks.check_card(model_file, card)
    assert not checks.check_card(model_file, card._replace(threshold=0.1))


def test_scores_equal_those_of_evaluate(
    model_file: Path, tmp_path: Path, make_checkpoint: MakeCheckpoint
) -> None:
    data_set = open_data("synthetic:2", "test")
    network = PhotoToProbability(make_checkpoint(CONFIG, (SIZE,)).network(), CONFIG)
    reference = compute_reference(network, CONFIG, 0.4, [data_set], True, tmp_path)
    parity = measure_parity(load_runtime(model_file, 64, "onnxruntime", 1), reference)
    segmenter = Segmenter(model_file, runtime="onnxruntime", threads=1)
    assert parity.scores == (evaluate(segmenter, data_set, "native"),)


def test_prepare_pair_keeps_masks_of_photograph() -> None:
    (pair,) = open_data("synthetic:1", "test").pairs
    loaded = pair.load()
    prepared = prepare_pair("synthetic", pair, CONFIG)
    assert prepared.tensor.shape == (1, 64, 64, 3)
    assert np.array_equal(prepared.unpack(prepared.truth), loaded.truth)
    assert loaded.fov is not None
    assert prepared.counted is not None
    assert np.array_equal(prepared.unpack(prepared.counted), loaded.fov)
    assert prepared.truth.nbytes == loaded.truth.shape[0] * -(-loaded.truth.shape[1] // 8)
