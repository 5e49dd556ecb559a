"""Model files for the benchmarks' tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeseg_benchmarks import bounds
from edgeseg_benchmarks.yardsticks import Pace


@pytest.fixture
def quick_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small photographs, one round: what is measured does not matter."""
    for name in ("COMMANDS", "HELP", "FRAME", "MEMORY"):
        monkeypatch.setattr(bounds, name, Pace(0, 1, 1, 0.0))
    monkeypatch.setattr(bounds, "LARGE", (360, 240))
    monkeypatch.setattr(bounds, "SMALL", (100, 100))


@pytest.fixture(scope="session")
def in_half(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny.fp32.onnx` with `tiny.fp16.onnx` beside it, and a `damaged.fp32.onnx`."""
    onnx = pytest.importorskip(
        "onnx", reason="making a half-precision file needs onnx (extra 'export')"
    )

    from edgeseg.models.card import read_card
    from edgeseg_export.precision.fp16 import to_half_compute
    from edgeseg_export.publish import add_card

    folder = tmp_path_factory.mktemp("half")
    card = read_card(tiny_model)._replace(precision="fp16")
    (folder / "tiny.fp16.onnx").write_bytes(add_card(to_half_compute(onnx.load(tiny_model)), card))
    shutil.copy(tiny_model, folder / "tiny.fp32.onnx")
    broken = onnx.load(tiny_model)
    broken.graph.node[0].op_type = "NoSuchOperator"
    (folder / "damaged.fp32.onnx").write_bytes(broken.SerializeToString())
    return folder
