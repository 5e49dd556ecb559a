from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgeseg.errors import SystemSetupError
from edgeseg.runtimes.base import load_runtime
from edgeseg_benchmarks.worker.ncnn_backend import Ncnn, convert_with_pnnx


def test_ncnn_probability_is_close_to_onnx_runtime(tiny_model: Path) -> None:
    for package in ("ncnn", "pnnx"):
        pytest.importorskip(package, reason="requires `pip install --no-deps ncnn pnnx`")
    photo = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3), np.uint8)
    expected = load_runtime(tiny_model, 128, "onnxruntime", 1).infer(photo)
    assert np.abs(Ncnn(tiny_model, 1).infer(photo) - expected).max() < 1e-3


def test_ncnn_without_its_packages_prints_install_command(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ncnn", None)
    with pytest.raises(SystemSetupError, match="pip install --no-deps ncnn pnnx"):
        Ncnn(tiny_model, 1)
    monkeypatch.setattr("edgeseg_benchmarks.worker.ncnn_backend.find_spec", lambda _: None)
    with pytest.raises(SystemSetupError, match="pip install --no-deps ncnn pnnx"):
        convert_with_pnnx(tiny_model, tmp_path)
