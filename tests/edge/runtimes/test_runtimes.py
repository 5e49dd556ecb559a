"""Runtimes and execution providers: selection, checks of model files, and equal results."""

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
from edgeseg.imaging.encoder import encode_png
from edgeseg.models.checksum import CHECKSUM_BYTES, append_checksum
from edgeseg.runtimes import base
from edgeseg.runtimes.base import DYNAMIC, TensorSpec, check_output, check_tensors
from edgeseg.synthetic import generate_photo

NEEDS_OPENVINO = pytest.mark.skipif(
    "openvino" not in base.installed_runtimes(),
    reason="OpenVINO is not installed (extra 'openvino')",
)
FILE = Path("x.onnx")
PHOTO = TensorSpec("photo", "uint8", (1, 64, 64, 3))
PROBABILITY = TensorSpec("probability", "float32", (1, 64, 64))


def test_resolve_runtime_auto_prefers_openvino_unless_a_provider_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base, "installed_runtimes", lambda: ("openvino", "onnxruntime"))
    assert base.resolve_runtime("auto") == "openvino"
    assert base.resolve_runtime("onnxruntime") == "onnxruntime"
    assert base.resolve_runtime("auto", "cuda") == "onnxruntime"
    with pytest.raises(SystemSetupError, match="--provider"):
        base.resolve_runtime("openvino", "cpu")


def test_resolve_runtime_not_installed_lists_installed_runtimes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base, "installed_runtimes", lambda: ("onnxruntime",))
    assert base.resolve_runtime("auto") == "onnxruntime"
    with pytest.raises(SystemSetupError, match=r"openvino .*onnxruntime"):
        base.resolve_runtime("openvino")
    monkeypatch.setattr(base, "installed_runtimes", lambda: ())
    with pytest.raises(SystemSetupError, match="pip install onnxruntime"):
        base.resolve_runtime("auto")
    monkeypatch.setattr(base, "installed_runtimes", lambda: ("openvino",))
    with pytest.raises(SystemSetupError, match="pip install onnxruntime"):
        base.resolve_runtime("auto", "cuda")


def test_installed_runtimes_with_blocked_import_omits_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert "openvino" not in base.installed_runtimes()


def test_installed_runtimes_ignores_a_folder_of_that_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "openvino").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    assert "openvino" not in base.installed_runtimes()


def test_import_of_edgeseg_disables_telemetry() -> None:
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    assert sys.modules["openvino_telemetry"] is None


def test_check_tensors_accepts_documented_tensors_with_fixed_and_dynamic_size() -> None:
    check_tensors(FILE, 64, [PHOTO, PROBABILITY])
    dynamic_photo = PHOTO._replace(shape=(1, DYNAMIC, DYNAMIC, 3))
    dynamic_probability = PROBABILITY._replace(shape=(DYNAMIC, DYNAMIC, DYNAMIC))
    check_tensors(FILE, 64, [dynamic_photo, dynamic_probability])


@pytest.mark.parametrize(
    "tensors",
    [
        [],
        [PHOTO],
        [PROBABILITY, PHOTO],
        [PHOTO, PROBABILITY, PROBABILITY],
        [PHOTO._replace(name="image"), PROBABILITY],
        [PHOTO._replace(dtype="tensor(float)"), PROBABILITY],
        [PHOTO._replace(shape=(1, 64, 64)), PROBABILITY],
        [PHOTO._replace(shape=(1, 32, 32, 3)), PROBABILITY],
        [PHOTO, PROBABILITY._replace(shape=(1, 64, 64, 1))],
    ],
)
def test_check_tensors_rejects_other_names_types_and_shapes(tensors: list[TensorSpec]) -> None:
    with pytest.raises(ModelError, match=r"x\.onnx") as caught:
        check_tensors(FILE, 64, tensors)
    assert "\n" not in str(caught.value)


def test_check_output_returns_one_map_and_rejects_other_shapes() -> None:
    photo = np.zeros((1, 64, 64, 3), np.uint8)
    probability = check_output(FILE, photo, np.ones((1, 64, 64), np.float32))
    assert probability.shape == (64, 64) and probability.dtype == np.float32
    with pytest.raises(ModelError, match=r"x\.onnx"):
        check_output(FILE, photo, np.ones((1, 32, 32), np.float32))


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_run_with_missing_provider_exits_with_7_and_lists_providers(
    provider: str, tiny_model: Path, tmp_path: Path
) -> None:
    import onnxruntime

    if len(onnxruntime.get_available_providers()) > 2:
        pytest.skip("this ONNX Runtime has providers for a GPU")
    photo = tmp_path / "eye.png"
    photo.write_bytes(encode_png(generate_photo(1, 128).photo))
    options = ["--model", str(tiny_model), "--provider", provider, "-o", str(tmp_path)]
    done = CliRunner().invoke(cli, ["run", *options, str(photo)])
    assert done.exit_code == 7
    assert "available: cpu" in done.stderr


def test_segmenter_with_cpu_provider_reports_it(tiny_model: Path) -> None:
    segmenter = Segmenter(tiny_model, runtime="onnxruntime", threads=1, provider="cpu")
    assert segmenter.runtime.compute == "CPUExecutionProvider"


def test_onnx_runtime_prints_nothing_for_damaged_models(
    tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = tiny_model.read_bytes()[:-CHECKSUM_BYTES]
    names = (b"probability", b"photo", b"Conv", b"Sigmoid", b"Mul")
    for name in names:  # names that are not UTF-8; ONNX Runtime raises a ValueError
        damaged = data.replace(name, name[:-1] + b"\xcf")
        assert damaged != data
        (tmp_path / "x.onnx").write_bytes(append_checksum(damaged))
        with pytest.raises(ModelError, match=r"x\.onnx"):
            Segmenter(tmp_path / "x.onnx", runtime="onnxruntime", threads=1)
    assert capfd.readouterr() == ("", "")


def test_onnx_runtime_with_failing_provider_raises_setup_error(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA failure 100: no device")

    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: providers)
    monkeypatch.setattr("onnxruntime.InferenceSession", fail)
    with pytest.raises(SystemSetupError, match=r"--provider cuda: .*no device"):
        Segmenter(tiny_model, provider="cuda")
    with pytest.raises(ModelError, match="no device"):
        Segmenter(tiny_model, runtime="onnxruntime")


@NEEDS_OPENVINO
def test_openvino_agrees_with_onnx_runtime(tiny_model: Path) -> None:
    photo = generate_photo(3, 300).photo
    onnx = Segmenter(tiny_model, runtime="onnxruntime", threads=1)
    openvino = Segmenter(tiny_model, runtime="openvino", threads=1)
    expected = onnx.segment(photo).inferred[0].probability
    probability = openvino.segment(photo).inferred[0].probability
    assert openvino.runtime.name == "openvino" and openvino.runtime.compute
    # BF16 has eight significant bits.
    assert np.abs(expected - probability).max() < 0.05
    again = openvino.segment(generate_photo(4, 300).photo).inferred[0].probability
    assert not np.shares_memory(again, probability)


@NEEDS_OPENVINO
def test_openvino_with_wrong_size_in_card_raises_one_line(tiny_model: Path, tmp_path: Path) -> None:
    data = tiny_model.read_bytes()
    changed = data[:-CHECKSUM_BYTES].replace(b'"size": 128', b'"size": 256')
    (tmp_path / "x.onnx").write_bytes(append_checksum(changed))
    with pytest.raises(ModelError, match=r"x\.onnx: inputs and outputs") as caught:
        Segmenter(tmp_path / "x.onnx", runtime="openvino")
    assert "\n" not in str(caught.value)


def test_gpu_provider_preloads_libraries_without_writing_to_stdout(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def preload() -> None:
        sys.stdout.write("failed to load libcudnn\n")

    monkeypatch.setattr("onnxruntime.preload_dlls", preload, raising=False)
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: providers)
    with pytest.raises(SystemSetupError, match="--provider cuda"):
        Segmenter(tiny_model, runtime="onnxruntime", threads=1, provider="cuda")
    captured = capsys.readouterr()
    assert (captured.out, "libcudnn" in captured.err) == ("", True)
    Segmenter(tiny_model, runtime="onnxruntime", threads=1)
    assert "libcudnn" not in capsys.readouterr().err
