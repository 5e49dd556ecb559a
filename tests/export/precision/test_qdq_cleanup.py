"""Tests of the removal of redundant QuantizeLinear and DequantizeLinear pairs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch

from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import prepare
from edgeseg.synthetic import generate_photo
from edgeseg_export.onnx_graph.channels_last import convert_to_channels_last
from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx
from edgeseg_export.precision import quantization
from edgeseg_export.precision.calibration import compute_ranges
from edgeseg_export.precision.qdq_cleanup import find_input_maximum, remove_redundant_qdq
from edgeseg_train.network.resunet import Architecture, build_network

SIZE = 64


@pytest.fixture
def without_cleanup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "remove_redundant_qdq", lambda model: model)


def write_graph(config: PreprocessingConfig, folder: Path) -> Path:
    torch.manual_seed(1)
    network = build_network(Architecture("net", (8, 16), 16, stem=4, size=SIZE, skip="add"))
    model = trace_to_onnx(PhotoToProbability(network.eval(), config), SIZE)
    onnx.save(convert_to_channels_last(model, fold_scale=False), folder / "graph.onnx")
    return folder / "graph.onnx"


def quantize(config: PreprocessingConfig, folder: Path) -> onnx.ModelProto:
    """Quantize a small compact network."""
    graph = write_graph(config, folder)
    tensor = prepare(generate_photo(3, 256).photo, config).tensor
    return quantization.quantize(graph, compute_ranges(graph, [tensor], "percentile"))


def compute_probability(model: onnx.ModelProto) -> npt.NDArray[np.float32]:
    """Run the graph on random bytes in ONNX Runtime, without graph optimizations."""
    photo = np.random.default_rng(2).integers(0, 256, (1, SIZE, SIZE, 3)).astype(np.uint8)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    probability: npt.NDArray[np.float32] = session.run(None, {"photo": photo})[0]
    return probability


def count_operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.usefixtures("without_cleanup")
def test_cleanup_moves_bytes_and_does_not_change_results(tmp_path: Path) -> None:
    model = quantize(PreprocessingConfig(SIZE), tmp_path)
    before = model.SerializeToString(deterministic=True)
    cleaned = remove_redundant_qdq(model)
    assert model.SerializeToString(deterministic=True) == before
    onnx.checker.check_model(cleaned, full_check=True)
    assert np.ptp(compute_probability(model)) > 0
    assert np.array_equal(compute_probability(cleaned), compute_probability(model))
    moving = [node for node in cleaned.graph.node if node.op_type in ("Reshape", "Transpose")]
    producers = {name: node.op_type for node in cleaned.graph.node for name in node.output}
    operators = count_operators(model)
    assert len(moving) == operators["Reshape"] + operators["Transpose"] >= 15
    assert not any(producers.get(node.input[0]) == "DequantizeLinear" for node in moving)
    assert operators["Cast"] == operators["Mul"] == 1
    assert count_operators(cleaned)["Cast"] == count_operators(cleaned)["Mul"] == 0
    read = {name for node in cleaned.graph.node for name in node.input}
    assert read >= {weight.name for weight in cleaned.graph.initializer}


@pytest.mark.usefixtures("without_cleanup")
@pytest.mark.parametrize(
    ("config", "kept"),
    [
        (PreprocessingConfig(SIZE, std=(0.5, 1, 0.25)), 1),
        (PreprocessingConfig(SIZE, mean=(0.4, 0.3, 0.2), std=(0.5, 0.5, 0.5)), 0),
    ],
    ids=["different channels", "mean"],
)
def test_cleanup_keeps_scaling_that_changes_bytes(
    config: PreprocessingConfig, kept: int, tmp_path: Path
) -> None:
    model = quantize(config, tmp_path)
    cleaned = remove_redundant_qdq(model)
    assert count_operators(cleaned)["Cast"] == count_operators(cleaned)["Mul"] == kept
    assert np.array_equal(compute_probability(cleaned), compute_probability(model))


def test_input_range_does_not_depend_on_calibration(tmp_path: Path) -> None:
    graph = write_graph(PreprocessingConfig(SIZE, std=(0.5, 0.5, 0.5)), tmp_path)
    ((name, highest),) = find_input_maximum(onnx.load(graph)).items()
    assert highest == pytest.approx(2)
    dark = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    for method in ("min-max", "percentile"):
        ranges = compute_ranges(graph, [dark], method)
        assert ranges[name].range_value == (0, pytest.approx(2))


def make_pair(
    scale: npt.NDArray[np.float32], zero: npt.NDArray[np.generic], other_scale: float = 0.5
) -> onnx.ModelProto:
    """Create a graph that dequantizes, transposes and quantizes its input."""
    text = """
        <ir_version: 8, opset_import: ["": 17]>
        moved (uint8[2, 2] x) => (uint8[2, 2] y) {
            a = DequantizeLinear <axis = 0> (x, scale, zero)
            b = Transpose <perm = [1, 0]> (a)
            y = QuantizeLinear (b, other_scale, other_zero)
        }"""
    model: onnx.ModelProto = onnx.parser.parse_model(text)
    weights = {
        "scale": scale,
        "zero": zero,
        "other_scale": np.array(other_scale, np.float32),
        "other_zero": np.array(0, np.uint8),
    }
    for name, values in weights.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    onnx.checker.check_model(model)
    return model


def test_cleanup_removes_pair_with_equal_scales() -> None:
    pair = make_pair(np.array(0.5, np.float32), np.array(0, np.uint8))
    cleaned = remove_redundant_qdq(pair)
    assert count_operators(cleaned) == {"Transpose": 1}
    onnx.checker.check_model(cleaned, full_check=True)


@pytest.mark.parametrize(
    "model",
    [
        make_pair(np.array(0.5, np.float32), np.array(0, np.uint8), other_scale=0.25),
        make_pair(np.array(0.5, np.float32), np.array(3, np.uint8)),
        make_pair(np.array([0.5, 0.5], np.float32), np.array([0, 0], np.uint8)),
    ],
    ids=["another scale", "another zero point", "one scale per row"],
)
def test_cleanup_keeps_pair_that_changes_values(model: onnx.ModelProto) -> None:
    assert count_operators(remove_redundant_qdq(model)) == count_operators(model)
