"""Tests of the simplification with onnxsim in a subprocess."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from edgeseg_export.onnx_graph import simplify


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; sys.exit('no such operator')", "no such operator"),
        ("pass", "exited with code 0"),
        ("import sys; open(sys.argv[2], 'wb').write(b'not a model')", "unreadable"),
        ("import sys; open(sys.argv[2], 'wb').write(b'')", "unreadable"),
        ("import time; time.sleep(60)", "longer than"),
    ],
    ids=["fails", "no file", "invalid file", "empty file", "timeout"],
)
def test_simplify_returns_given_model_when_onnxsim_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    (tmp_path / "onnxsim.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(simplify, "TIMEOUT_S", 1 if "sleep" in code else 60)
    node = onnx.helper.make_node("Identity", ["a"], ["b"])
    make_value = onnx.helper.make_tensor_value_info
    values = [make_value(name, onnx.TensorProto.FLOAT, [1]) for name in "ab"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", values[:1], values[1:]))
    result, problem = simplify.simplify(model)
    assert result is model
    assert reason in problem
    assert "\n" not in problem


def test_simplify_does_not_import_from_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current, installed = tmp_path / "current", tmp_path / "installed"
    for folder in (current, installed):
        folder.mkdir()
        code = "import pathlib; pathlib.Path(__file__).with_name('ran').touch()"
        (folder / "onnxsim.py").write_text(code)
    monkeypatch.chdir(current)
    monkeypatch.setenv("PYTHONPATH", str(installed))
    simplify.simplify(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [])))
    assert (installed / "ran").exists() and not (current / "ran").exists()
