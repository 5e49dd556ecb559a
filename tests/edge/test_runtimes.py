"""Runtimes and providers: what is taken, what is refused, and that all compute the same."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgeseg import Segmenter
from edgeseg.cli import cli
from edgeseg.errors import ModelError, SystemSetupError
from edgeseg.imaging.photo import encode_png
from edgeseg.runtimes import base
from edgeseg.synthetic import generate_photo

NEEDS_OPENVINO = pytest.mark.skipif(
    "openvino" not in base.installed_runtimes(),
    reason="OpenVINO is not installed (extra 'openvino')",
)


def test_auto_takes_openvino_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "installed_runtimes", lambda: ("openvino", "onnxruntime"))
    assert base.resolve_runtime("auto") == "openvino"
    assert base.resolve_runtime("onnxruntime") == "onnxruntime"
    assert base.resolve_runtime("auto", "cuda") == "onnxruntime"
    with pytest.raises(SystemSetupError, match="--provider"):
        base.resolve_runtime("openvino", "cpu")


def test_what_is_not_installed_is_an_error_that_lists_what_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base, "installed_runtimes", lambda: ("onnxruntime",))
    assert base.resolve_runtime("auto") == "onnxruntime"
    with pytest.raises(
        SystemSetupError, match=r"openvino: not installed .*; there is onnxruntime$"
    ):
        base.resolve_runtime("openvino")
    monkeypatch.setattr(base, "installed_runtimes", lambda: ())
    with pytest.raises(SystemSetupError, match="no runtime is installed"):
        base.resolve_runtime("auto")


def test_a_forbidden_import_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert "openvino" not in base.installed_runtimes()


def test_a_folder_of_that_name_is_no_runtime(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "openvino").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    assert "openvino" not in base.installed_runtimes()


def test_telemetry_is_off() -> None:
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    assert sys.modules["openvino_telemetry"] is None


@pytest.mark.parametrize("option", [("--provider", "cuda"), ("--provider", "tensorrt")])
def test_an_absent_provider_ends_with_7_and_lists_what_there_is(
    option: tuple[str, str], tiny_model: Path, tmp_path: Path
) -> None:
    import onnxruntime

    if len(onnxruntime.get_available_providers()) > 2:
        pytest.skip("this ONNX Runtime has providers for a GPU")
    (tmp_path / "eye.png").write_bytes(encode_png(generate_photo(1, 128).photo))
    command = [
        "run",
        "--model",
        str(tiny_model),
        *option,
        "-o",
        str(tmp_path),
        str(tmp_path / "eye.png"),
    ]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 7
    assert "there is cpu" in done.stderr


def test_the_cpu_can_be_asked_for(tiny_model: Path) -> None:
    segmenter = Segmenter(tiny_model, runtime="onnxruntime", threads=1, provider="cpu")
    assert segmenter.runtime.compute == "CPUExecutionProvider"


@NEEDS_OPENVINO
def test_openvino_agrees_with_onnx_runtime(tiny_model: Path) -> None:
    photo = generate_photo(3, 300).photo
    first = Segmenter(tiny_model, runtime="onnxruntime", threads=1)
    second = Segmenter(tiny_model, runtime="openvino", threads=1)
    one, other = first.segment(photo), second.segment(photo)
    assert second.runtime.name == "openvino" and second.runtime.compute
    # BF16 where the CPU multiplies it in hardware: eight binary digits.
    assert np.abs(one.inferred[0].probability - other.inferred[0].probability).max() < 0.05
    again = second.segment(generate_photo(4, 300).photo)
    assert not np.shares_memory(again.inferred[0].probability, other.inferred[0].probability)


@NEEDS_OPENVINO
def test_openvino_refuses_what_is_no_model_in_one_line(tiny_model: Path, tmp_path: Path) -> None:
    data = tiny_model.read_bytes()
    (tmp_path / "x.onnx").write_bytes(data.replace(b'"size": 128', b'"size": 256'))
    with pytest.raises(ModelError, match=r"x\.onnx: takes and gives") as refusal:
        Segmenter(tmp_path / "x.onnx", runtime="openvino")
    assert "\n" not in str(refusal.value)
