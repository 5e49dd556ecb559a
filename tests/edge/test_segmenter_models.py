"""Segmenter with model files that do not match their cards."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from edgeseg import Segmenter
from edgeseg.errors import EdgesegError, ModelError
from edgeseg.imaging.arrays import Probability
from edgeseg.models.card import ModelCard
from edgeseg.models.checksum import CHECKSUM_BYTES, append_checksum
from edgeseg.synthetic import SyntheticPhoto


def onnx_file(
    folder: Path, card: ModelCard, nodes: list[tuple[str, dict[str, object]]], side: int | str
) -> Path:
    """Model file with a chain of operators from `photo` to `probability`, and a card of size
    128."""
    names = ["photo", *(f"x{k}" for k in range(len(nodes) - 1)), "probability"]
    chain = []
    for k, (kind, attributes) in enumerate(nodes):
        node = onnx.helper.make_node(kind, [names[k]], [names[k + 1]])
        node.attribute.extend(
            onnx.helper.make_attribute(key, value) for key, value in attributes.items()
        )
        chain.append(node)
    tensor, types = onnx.helper.make_tensor_value_info, onnx.TensorProto
    graph = onnx.helper.make_graph(
        chain,
        "chain",
        [tensor("photo", types.UINT8, [1, side, side, 3])],
        [tensor("probability", types.FLOAT, [1, side, side])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)])
    model.ir_version = 8
    onnx.helper.set_model_props(model, card.to_metadata())
    file = folder / "odd.fp32.onnx"
    file.write_bytes(model.SerializeToString())
    return file


FLOAT: tuple[str, dict[str, object]] = ("Cast", {"to": 1})
MEAN: tuple[str, dict[str, object]] = ("ReduceMean", {"axes": [3], "keepdims": 0})


def rejection(file: Path, photo: SyntheticPhoto) -> str:
    with pytest.raises(ModelError) as error:
        Segmenter(file, runtime="onnxruntime", threads=1).segment(photo.photo)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_segment_network_with_nan_output_raises_model_error(
    tmp_path: Path, card: ModelCard, drawn: SyntheticPhoto
) -> None:
    file = onnx_file(tmp_path, card, [FLOAT, MEAN, ("Neg", {}), ("Sqrt", {})], 128)
    assert "NaN" in rejection(file, drawn)


class RoundingRuntime:
    """Runtime with an output that is slightly outside 0 to 1, as of a quantized network."""

    name = "onnxruntime"
    compute = "CPUExecutionProvider"

    def infer(self, photo: npt.NDArray[np.uint8]) -> Probability:
        probability = np.full(photo.shape[1:3], -0.005, np.float32)
        probability[40:] = 1.005
        return probability


def test_segment_network_slightly_outside_0_to_1_gives_probability_in_range(
    tiny_model: Path, drawn: SyntheticPhoto
) -> None:
    segmentation = Segmenter(tiny_model, runtime=RoundingRuntime()).segment(drawn.photo)
    (result,) = segmentation.inferred
    assert (result.probability.min(), result.probability.max()) == (0, 1)


def test_segment_network_without_probability_raises_model_error(
    tmp_path: Path, card: ModelCard, drawn: SyntheticPhoto
) -> None:
    assert "0 to 1" in rejection(onnx_file(tmp_path, card, [FLOAT, MEAN], 128), drawn)


def test_segment_output_of_other_size_raises_model_error(
    tmp_path: Path, card: ModelCard, drawn: SyntheticPhoto
) -> None:
    turned: tuple[str, dict[str, object]] = ("Transpose", {"perm": [0, 3, 1, 2]})
    smaller: tuple[str, dict[str, object]] = ("AveragePool", {"kernel_shape": [2, 2]})
    mean: tuple[str, dict[str, object]] = ("ReduceMean", {"axes": [1], "keepdims": 0})
    file = onnx_file(tmp_path, card, [FLOAT, turned, smaller, mean, ("Sigmoid", {})], "side")
    assert "(1, 127, 127)" in rejection(file, drawn)


def test_segment_graph_that_fails_at_run_time_raises_model_error(
    tmp_path: Path, card: ModelCard, drawn: SyntheticPhoto, capfd: pytest.CaptureFixture[str]
) -> None:
    ninths: tuple[str, dict[str, object]] = ("DepthToSpace", {"blocksize": 3})  # of 128 channels
    file = onnx_file(tmp_path, card, [FLOAT, ninths, MEAN], "side")
    assert "cannot run this file" in rejection(file, drawn)
    assert capfd.readouterr().err == ""


def test_segmenter_graph_of_other_size_raises_model_error(tmp_path: Path, tiny_model: Path) -> None:
    data = tiny_model.read_bytes()
    assert data.count(b'"size": 128') == 1
    changed = data[:-CHECKSUM_BYTES].replace(b'"size": 128', b'"size": 256')
    (tmp_path / "x.onnx").write_bytes(append_checksum(changed))
    with pytest.raises(ModelError, match=r"x\.onnx: inputs and outputs"):
        Segmenter(tmp_path / "x.onnx")


def test_segmenter_graph_that_does_not_load_raises_one_line_error(
    write_model: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError, match=r"x\.onnx: ONNX Runtime cannot load this file") as error:
        Segmenter(write_model("x"), runtime="onnxruntime")
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""


def test_segmenter_damaged_graph_raises_model_error_or_computes(
    tmp_path: Path, tiny_model: Path, drawn: SyntheticPhoto
) -> None:
    data, rng = tiny_model.read_bytes(), np.random.default_rng(0)
    for _ in range(30):
        damaged = np.frombuffer(data, np.uint8).copy()
        damaged[rng.integers(len(data) - 2000, size=20)] = rng.integers(256, size=20)
        (tmp_path / "x.onnx").write_bytes(damaged.tobytes())
        try:
            found = Segmenter(tmp_path / "x.onnx", threads=1).segment(drawn.photo)
        except EdgesegError as error:
            assert isinstance(error, ModelError)
        else:
            assert found.mask.shape == (260, 300)


def test_segmenter_finds_model_by_name_and_precision(
    tmp_path: Path, tiny_model: Path, drawn: SyntheticPhoto
) -> None:
    shutil.copy(tiny_model, tmp_path / "mine.fp32.onnx")
    chosen = Segmenter(tmp_path / "mine", precision="fp32", threads=1)
    assert chosen.file.path == tmp_path / "mine.fp32.onnx"
    assert chosen.card.name == "tiny"
    assert chosen.segment(drawn.photo).mask.any()
