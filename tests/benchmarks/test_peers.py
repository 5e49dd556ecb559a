from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseg.errors import EdgesegError
from edgeseg.runtimes.base import load_runtime
from edgeseg_benchmarks.worker.ncnn_backend import Ncnn, convert


def test_ncnn_computes_the_same_probability(tiny_model: Path) -> None:
    for package in ("ncnn", "pnnx"):
        pytest.importorskip(package, reason="the peer needs `pip install --no-deps ncnn pnnx`")
    photo = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3), np.uint8)
    expected = load_runtime(tiny_model, 128, "onnxruntime", 1).infer(photo)
    assert np.abs(Ncnn(tiny_model, 128, 1).infer(photo) - expected).max() < 1e-3


def test_without_ncnn_the_reason_is_told_in_one_line(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ncnn", None)
    with pytest.raises(EdgesegError, match="pip install --no-deps ncnn pnnx"):
        Ncnn(tiny_model, 128, 1)
    monkeypatch.setattr("edgeseg_benchmarks.worker.ncnn_backend.find_spec", lambda _: None)
    with pytest.raises(EdgesegError, match="needs pnnx"):
        convert(tiny_model, 128, tmp_path)
