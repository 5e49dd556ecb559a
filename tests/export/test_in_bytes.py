"""INT8 graphs in which bytes are moved: the same function to the bit, for the runtimes less to do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch

from edgeseg.field_of_view.detect import detect_fov
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import prepare
from edgeseg.synthetic import generate_photo
from edgeseg_export.onnx_graph.channels_last import channels_last
from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx
from edgeseg_export.precision import int8
from edgeseg_export.precision.calibration import ranges
from edgeseg_export.precision.qdq_cleanup import photograph_range, remove_redundant_qdq
from edgeseg_train.network.resunet import Architecture, build_network

SIZE = 64


def quantised(
    how: PreprocessingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> onnx.ModelProto:
    """A small network of ours, as the quantiser leaves it."""
    monkeypatch.setattr(int8, "remove_redundant_qdq", lambda model: model)
    torch.manual_seed(1)
    network = build_network(Architecture("net", (8, 16), 16, stem=4, size=SIZE, skip="add"))
    graph = tmp_path / "graph.onnx"
    onnx.save(
        channels_last(trace_to_onnx(PhotoToProbability(network.eval(), how), SIZE), scaled=False),
        graph,
    )
    photo = generate_photo(3, 256).photo
    return int8.to_int8(graph, ranges(graph, [prepare(photo, how)], "percentile"))


def probability(model: onnx.ModelProto) -> npt.NDArray[np.float32]:
    """In ONNX Runtime, of random bytes, as the graph is written."""
    photo = np.random.default_rng(2).integers(0, 256, (1, SIZE, SIZE, 3)).astype(np.uint8)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found: npt.NDArray[np.float32] = session.run(None, {"photo": photo})[0]
    return found


def kinds(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def test_bytes_are_moved_and_no_bit_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = quantised(PreprocessingConfig(SIZE), tmp_path, monkeypatch)
    before = model.SerializeToString(deterministic=True)
    changed = remove_redundant_qdq(model)
    assert model.SerializeToString(deterministic=True) == before
    onnx.checker.check_model(changed, full_check=True)
    assert np.ptp(probability(model)) > 0
    assert np.array_equal(probability(changed), probability(model))
    moved = [node for node in changed.graph.node if node.op_type in ("Reshape", "Transpose")]
    makers = {name: node.op_type for node in changed.graph.node for name in node.output}
    assert len(moved) == kinds(model)["Reshape"] + kinds(model)["Transpose"] >= 15
    assert not any(makers.get(node.input[0]) == "DequantizeLinear" for node in moved)
    assert kinds(model)["Cast"] == kinds(model)["Mul"] == 1
    assert kinds(changed)["Cast"] == kinds(changed)["Mul"] == 0
    read = {name for node in changed.graph.node for name in node.input}
    assert read >= {weight.name for weight in changed.graph.initializer}


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        (PreprocessingConfig(SIZE, std=(0.5, 1, 0.25)), 1),
        (PreprocessingConfig(SIZE, mean=(0.4, 0.3, 0.2), std=(0.5, 0.5, 0.5)), 0),
    ],
    ids=["channels differ", "a mean"],
)
def test_what_changes_the_photographs_bytes_stays(
    how: PreprocessingConfig, kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = quantised(how, tmp_path, monkeypatch)
    changed = remove_redundant_qdq(model)
    assert kinds(changed)["Cast"] == kinds(changed)["Mul"] == kept
    assert np.array_equal(probability(changed), probability(model))


def test_the_range_of_a_photograph_is_known_whatever_was_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantised(PreprocessingConfig(SIZE, std=(0.5, 0.5, 0.5)), tmp_path, monkeypatch)
    graph, photo = tmp_path / "graph.onnx", np.zeros((1, SIZE, SIZE, 3), np.uint8)
    known = photograph_range(onnx.load(graph))
    assert known is not None
    assert known[1] == pytest.approx(2)
    fov = detect_fov(generate_photo(3, SIZE).photo)
    dark = prepare(photo[0], PreprocessingConfig(SIZE), fov=fov)
    for method in ("min-max", "percentile"):
        lowest, highest = ranges(graph, [dark], method)[known[0]].range_value
        assert (lowest, highest) == (0, pytest.approx(2))


def pair(
    scale: npt.NDArray[np.float32], zero: npt.NDArray[np.generic], other_scale: float = 0.5
) -> onnx.ModelProto:
    """Bytes that are dequantised, transposed and quantised again."""
    text = """
        <ir_version: 8, opset_import: ["": 17]>
        moved (uint8[2, 2] x) => (uint8[2, 2] y) {
            a = DequantizeLinear <axis = 0> (x, scale, zero)
            b = Transpose <perm = [1, 0]> (a)
            y = QuantizeLinear (b, other, none)
        }"""
    model = onnx.parser.parse_model(text)
    for name, values in (
        ("scale", scale),
        ("zero", zero),
        ("other", np.array(other_scale, np.float32)),
        ("none", np.array(0, np.uint8)),
    ):
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    onnx.checker.check_model(model)
    return model


def test_a_pair_that_does_nothing_is_taken_away() -> None:
    changed = remove_redundant_qdq(pair(np.array(0.5, np.float32), np.array(0, np.uint8)))
    assert kinds(changed) == {"Transpose": 1}
    onnx.checker.check_model(changed, full_check=True)


@pytest.mark.parametrize(
    "model",
    [
        pair(np.array(0.5, np.float32), np.array(0, np.uint8), other_scale=0.25),
        pair(np.array(0.5, np.float32), np.array(3, np.uint8)),
        pair(np.array([0.5, 0.5], np.float32), np.array([0, 0], np.uint8)),
    ],
    ids=["another scale", "another zero", "a scale a row"],
)
def test_a_pair_that_changes_values_stays(model: onnx.ModelProto) -> None:
    assert kinds(remove_redundant_qdq(model)) == kinds(model)
