"""Model files for the tests of the benchmarks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeseg_benchmarks import runner


@pytest.fixture(scope="session")
def half_models(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tiny.fp32.onnx`, `tiny.fp16.onnx` and `damaged.fp32.onnx`."""
    onnx = pytest.importorskip(
        "onnx", reason="a half-precision file requires onnx (extra 'export')"
    )

    from edgeseg.models.card import read_card
    from edgeseg_export.precision.fp16 import to_half_compute
    from edgeseg_export.publish import add_card

    folder = tmp_path_factory.mktemp("half")
    card = read_card(tiny_model)._replace(precision="fp16")
    (folder / "tiny.fp16.onnx").write_bytes(add_card(to_half_compute(onnx.load(tiny_model)), card))
    shutil.copy(tiny_model, folder / "tiny.fp32.onnx")
    damaged = onnx.load(tiny_model)
    damaged.graph.node[0].op_type = "NoSuchOperator"
    (folder / "damaged.fp32.onnx").write_bytes(damaged.SerializeToString())
    return folder


@pytest.fixture
def fast_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a small photograph, a small matrix and one cold start, because the measured values are
    not checked."""
    monkeypatch.setattr(runner, "PHOTOGRAPH_SIZE", 256)
    monkeypatch.setattr(runner, "MATRIX_SIDE", 64)
    monkeypatch.setattr(runner, "COLD_STARTS", 1)
