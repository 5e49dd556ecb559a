"""Tests of the computation of FP16 files with every node in half precision."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from edgeseg.errors import ModelError
from edgeseg_export.precision.fp16 import to_half_compute
from edgeseg_export.verify import checks, half_precision
from edgeseg_export.verify.half_precision import HalfPrecisionRuntime, create_plain_session
from edgeseg_export.verify.value_range import measure_largest_value

RunConvert = Callable[..., Result]

TEXT = """
    <ir_version: 8, opset_import: ["": 17]>
    g (uint8[1, 8, 8, 3] photo) => (float[1, 8, 8] probability)
    <float[1] scale = {SCALE}, int64[1] last = {3}>
    {
        x = Cast <to = 1> (photo)
        y = Mul (x, scale)
        z = Mul (y, y)
        mean = ReduceMean <axes = [3], keepdims = 0> (z)
        root = Sqrt (mean)
        probability = Sigmoid (root)
    }"""

# Network that divides by the root mean square, which overflows if the values exceed 256.
NETWORK = """
import torch
from torch import nn

class Normalised(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.last = nn.Conv2d(16, 1, 1)

    def forward(self, x):
        x = self.first(x) * self.factor
        x = x - x.mean((1, 2, 3), keepdim=True)
        return self.last(x / ((x * x).mean((1, 2, 3), keepdim=True) + 1e-6).sqrt())

def small():
    return Normalised(1)

def large():
    return Normalised(2000)
"""


def make_model(scale: float) -> onnx.ModelProto:
    model: onnx.ModelProto = onnx.parser.parse_model(TEXT.replace("SCALE", repr(scale)))
    return model


def random_photo() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), np.uint8)


@settings(deadline=None, max_examples=20)
@given(scale=st.floats(0.0009765625, 4, width=32))
def test_half_precision_runtime_agrees_with_reference_evaluator(
    tmp_path_factory: pytest.TempPathFactory, scale: float
) -> None:
    file = tmp_path_factory.mktemp("half") / "net.fp16.onnx"
    onnx.save(to_half_compute(make_model(scale)), file)
    photo = random_photo()
    with np.errstate(over="ignore"):
        (expected,) = ReferenceEvaluator(str(file)).run(None, {"photo": photo})
    actual = HalfPrecisionRuntime(file, 1).infer(photo)
    assert np.allclose(actual, expected[0], atol=1e-3, equal_nan=True)


def test_half_precision_runtime_overflows_where_fp32_does_not(tmp_path: Path) -> None:
    file = tmp_path / "net.fp16.onnx"
    model = to_half_compute(make_model(4.0))
    onnx.save(model, file)
    photo = np.full((1, 8, 8, 3), 255, np.uint8)
    rounded = half_precision.round_every_node(model)
    rounded.graph.output.append(
        onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT16, None)
    )
    (square,) = create_plain_session(rounded, 1).run(["z"], {"photo": photo})
    assert np.isinf(square).all()
    assert HalfPrecisionRuntime(file, 1).infer(photo).shape == (8, 8)


def test_half_precision_runtime_reports_onnxruntime_that_does_not_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "net.fp16.onnx"
    onnx.save(to_half_compute(make_model(1.0)), file)
    monkeypatch.setattr(half_precision, "round_every_node", lambda model: model)
    with pytest.raises(ModelError):
        HalfPrecisionRuntime(file, 1)


def test_measure_largest_value_names_tensor(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    onnx.save(make_model(4.0), file)
    photos = [random_photo(), np.full((1, 8, 8, 3), 200, np.uint8)]
    largest = measure_largest_value(file, photos, 1)
    sums = [((4.0 * photo) ** 2).sum(3).max() for photo in photos]
    assert largest == (max(sums), "mean.sum", "ReduceSum")


@pytest.mark.parametrize("opset", [13, 17, 18])
@pytest.mark.parametrize("operator", ["ReduceMean", "ReduceL2"])
def test_measure_largest_value_includes_sums(tmp_path: Path, operator: str, opset: int) -> None:
    axes = "<axes = [1, 2], keepdims = 0> (x)"
    if opset == 18:
        axes = "<keepdims = 0> (x, axes)"
    model = onnx.parser.parse_model(f"""
        <ir_version: 8, opset_import: ["": {opset}]>
        g (uint8[1, 8, 8, 3] photo) => (float[1, 3] probability)
        <int64[2] axes = {{1, 2}}>
        {{
            x = Cast <to = 1> (photo)
            y = {operator} {axes}
            probability = Sigmoid (y)
        }}""")
    file = tmp_path / "net.onnx"
    onnx.save(model, file)
    photo = random_photo()
    largest = measure_largest_value(file, [photo], 1)
    values = photo.astype(np.float64) ** (2 if operator == "ReduceL2" else 1)
    assert largest.value == pytest.approx(values.sum((1, 2)).max(), rel=1e-6)
    assert largest.tensor == "y.sum"


@pytest.mark.parametrize(("factory", "published"), [("small", True), ("large", False)])
def test_convert_rejects_fp16_that_overflows(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_convert: RunConvert,
    factory: str,
    published: bool,
) -> None:
    """The FP16 file of `large` passes every check in FP32, but overflows in half precision."""
    # Rounding changes many pixels of random weights.
    for precision in ("fp16", "fp16w"):
        monkeypatch.setitem(checks.LIMITS, precision, checks.ParityLimits(0.51, None, 0.01, 1e-3))
    network_file = tmp_path / "networks.py"
    network_file.write_text(NETWORK)
    config = tmp_path / "config.toml"
    config.write_text("size = 64\n")
    torch.manual_seed(0)
    namespace: dict[str, Callable[[], torch.nn.Module]] = {}
    exec(NETWORK, namespace)  # the search stops before this text
    torch.save(namespace[factory]().state_dict(), tmp_path / "net.pt")
    arguments = ("--arch", f"{network_file}:{factory}", "--preprocessing", config)
    result = run_convert(tmp_path / "net.pt", *arguments, "--no-simplify", "--json")
    (file,) = (f for f in json.loads(result.stdout)["files"] if f["precision"] == "fp16")
    failed = {check["name"] for check in file["checks"] if not check["passed"]}
    assert (tmp_path / "net.fp16.onnx").exists() == published
    assert (tmp_path / "net.fp16w.onnx").exists()
    assert result.exit_code == (0 if published else 4)
    if not published:
        assert "half range" in failed
        assert failed & {"half flipped", "half finite"}
        (range_check,) = (c for c in file["checks"] if c["name"] == "half range")
        assert range_check["value"] > range_check["limit"] == 65504
