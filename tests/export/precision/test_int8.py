"""Tests of the INT8 variant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from click.testing import Result
from onnxruntime.quantization.calibrate import TensorsData
from torch import nn

from edgeseg.models.card import read_card
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.runtimes.base import load_runtime
from edgeseg_export.onnx_graph.constants import count_weight_bytes
from edgeseg_export.precision import calibration, float_layers, int8, quantization
from edgeseg_export.precision.fp32 import ExportOptions, Fp32Graph, export_fp32
from edgeseg_export.source import SourceNetwork
from edgeseg_train.checkpoint import Checkpoint, WorkingSize, save_checkpoint
from edgeseg_train.network.resunet import (
    ARCHITECTURES,
    ResUNet,
    architecture_by_name,
    build_network,
)

ExportNetwork = Callable[[str, int], Fp32Graph]


def make_random_network(name: str) -> ResUNet:
    """Create a network with random weights.

    The logits are on both sides of 0, as after training.
    """
    torch.manual_seed(0)
    network = build_network(architecture_by_name(name))
    network.eval()
    head = network.output if isinstance(network.output, nn.Conv2d) else network.output[0]  # type: ignore[index]
    assert isinstance(head, nn.Conv2d)
    with torch.inference_mode():
        logits = network(torch.rand(1, 3, 64, 64))
    with torch.no_grad():
        head.weight.mul_(3 / float(logits.std()))
        assert head.bias is not None
        head.bias.sub_(float(logits.mean())).mul_(3 / float(logits.std()))
    return network


@pytest.fixture
def export_network(tmp_path: Path) -> ExportNetwork:
    def export(name: str, size: int) -> Fp32Graph:
        working = WorkingSize("default", size)
        config = preprocessing_preset("edge", size)
        source = SourceNetwork(make_random_network(name), name, config, (working,))
        options = ExportOptions(("int8",), (), False, simplified=False)
        return export_fp32(source, working, name, options, tmp_path)

    return export


def compute_ranges(graph: Fp32Graph) -> tuple[Path, TensorsData]:
    config = graph.source.preprocessing
    trial = quantization.prepare_trial(graph, calibration.load_photos((), "validation", 8, config))
    tensors = [photo.tensor for photo in calibration.load_photos((), "train", 12, config)]
    return trial.graph, calibration.compute_ranges(trial.graph, tensors, "min-max")


def compute_logits(file: Path, size: int, photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    runtime = load_runtime(file, size, "onnxruntime", 1)
    probability = runtime.infer(photo).astype(np.float64).clip(1e-6, 1 - 1e-6)
    logits: npt.NDArray[np.float64] = np.log(probability / (1 - probability)).ravel()
    return logits


def check_against_fp32(model: onnx.ModelProto, fp32: Path, size: int, file: Path) -> None:
    onnx.save(model, file)
    onnx.checker.check_model(str(file), full_check=True)
    config = preprocessing_preset("edge", size)
    photo = calibration.load_photos((), "validation", 1, config)[0].tensor
    logits = compute_logits(file, size, photo)
    expected = compute_logits(fp32, size, photo)
    similarity = logits @ expected / (np.linalg.norm(logits) * np.linalg.norm(expected))
    assert similarity >= 0.99
    assert count_weight_bytes(model) <= 0.3 * count_weight_bytes(onnx.load(fp32))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "resunet-deeper"])
def test_logits_are_similar_to_fp32(
    export_network: ExportNetwork, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(float_layers, "MAX_FLOAT_WEIGHTS", 0)
    graph = export_network(name, 128)
    model, _ = int8.convert_to_int8(graph, ())
    check_against_fp32(model, graph.file, 128, tmp_path / "int8.onnx")


@pytest.mark.slow
def test_logits_of_published_network_are_similar_to_fp32(
    export_network: ExportNetwork, tmp_path: Path
) -> None:
    """Only one calibration method is tried, because the network has 255 MB."""
    graph = export_network("resunet-deeper", 64)
    model = quantization.quantize(*compute_ranges(graph))
    check_against_fp32(model, graph.file, 64, tmp_path / "int8.onnx")
    for file in tmp_path.glob("*.onnx"):
        file.unlink()


def test_graph_computes_in_integers_from_photograph_to_logits(
    export_network: ExportNetwork, tmp_path: Path
) -> None:
    model = quantization.quantize(*compute_ranges(export_network("tiny", 64)))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    data = model.SerializeToString()
    onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    operators = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert operators.count("DequantizeLinear") == 1
    assert {"QLinearConv", "QLinearAdd", "QLinearConcat", "Sigmoid"} <= set(operators)
    assert {"QuantizeLinear", "Cast", "Mul", "Relu"}.isdisjoint(operators)
    assert {"Conv", "FusedConv", "Add", "Concat"}.isdisjoint(operators)
    assert operators.count("Transpose") <= 5  # stem, two levels, head, logits


@pytest.mark.slow
def test_layer_that_lowers_dice_stays_in_fp32(
    export_network: ExportNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(float_layers, "MAX_FLOAT_WEIGHTS", 1)
    monkeypatch.setattr(float_layers, "MAX_FLOAT_LAYERS", 1)
    monkeypatch.setattr(quantization, "ACCEPTED_MASK_CHANGE", 0)
    model, checks = int8.convert_to_int8(export_network("tiny", 64), ())
    (check,) = (check for check in checks if check.name == "left in float")
    assert check.value == 1
    kernels = [weight for weight in model.graph.initializer if len(weight.dims) == 4]
    float_kernels = [weight for weight in kernels if weight.data_type == onnx.TensorProto.FLOAT]
    assert any(np.prod(weight.dims) > 100 for weight in float_kernels)


@pytest.mark.slow
def test_convert_int8_without_calibration_warns(
    tmp_path: Path, run_convert: Callable[..., Result]
) -> None:
    checkpoint = Checkpoint(
        architecture_by_name("tiny"),
        make_random_network("tiny").state_dict(),
        preprocessing_preset("edge", 64),
        (WorkingSize("default", 64, 0.5),),
        (),
        {"default": {"hrf": 0.8}},
    )
    save_checkpoint(checkpoint, tmp_path / "net.pt")
    arguments = ("--precision", "int8", "--no-simplify", "--max-dice-drop", "1")
    result = run_convert(tmp_path / "net.pt", *arguments, "--data", "synthetic:1")
    assert "--calibrate" in result.stderr
    # With random weights, quantization may change more pixels than allowed.
    assert result.exit_code in (0, 4), result.output
    if result.exit_code == 0:
        card = read_card(tmp_path / "net.int8.onnx")
        assert (card.precision, card.compute) == ("int8", "int8")
        # The validation Dice of FP32 is not valid for INT8.
        assert set(card.evidence) == {"synthetic/test/native"}
    else:
        assert "flipped" in result.stderr
        assert not (tmp_path / "net.int8.onnx").exists()
