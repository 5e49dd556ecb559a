"""Tests of `edgeseg convert` with its default precision checks and options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from click.testing import Result
from torch import Tensor

from edgeseg.models.card import Licence, read_card
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg.runtimes.base import load_runtime
from edgeseg_export import command
from edgeseg_export.report.summary import _list_settings
from edgeseg_export.source import SourceOptions, open_source
from edgeseg_export.verify import checks
from edgeseg_train.checkpoint import Checkpoint, WorkingSize, load_checkpoint, save_checkpoint
from edgeseg_train.network.resunet import ResUNet, count_gmac, count_parameters

RunConvert = Callable[..., Result]
MakeCheckpoint = Callable[[PreprocessingConfig, tuple[WorkingSize, ...]], Checkpoint]

REFERENCE = preprocessing_preset("reference", 64)
SIZES = (WorkingSize("default", 64, 0.4), WorkingSize("detail", 96, 0.45))
FP32 = ("--precision", "fp32")
FP32_FAST = (*FP32, "--no-simplify")
FILES = [("simple", SIZES[0]), ("net", SIZES[0]), ("net-detail", SIZES[1])]


@pytest.fixture
def checkpoint(tmp_path: Path, make_checkpoint: MakeCheckpoint) -> Path:
    save_checkpoint(make_checkpoint(REFERENCE, SIZES[:1]), tmp_path / "net.pt")
    return tmp_path / "net.pt"


@pytest.fixture(scope="module")
def converted(
    tmp_path_factory: pytest.TempPathFactory,
    make_checkpoint: MakeCheckpoint,
    run_convert: RunConvert,
) -> Path:
    """Return a folder with checkpoints and, in `out/`, their model files.

    `simple` is simplified; `net` has two working sizes and is not simplified.
    """
    folder = tmp_path_factory.mktemp("convert")
    save_checkpoint(make_checkpoint(REFERENCE, SIZES[:1]), folder / "simple.pt")
    save_checkpoint(make_checkpoint(REFERENCE, SIZES), folder / "net.pt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "DEFAULT_DATA", "synthetic:1")
        result = run_convert(folder / "simple.pt", "-o", folder / "out", *FP32)
        assert result.exit_code == 0, result.output
        assert "byonnxsim" in "".join(result.output.split())
        result = run_convert(folder / "net.pt", "-o", folder / "out", *FP32_FAST)
        assert result.exit_code == 0, result.output
        output = "".join(result.output.split())
        assert "byonnxsim" not in output
        assert f"{folder}/out/net-detail.fp32.onnx" in output
    return folder


def test_convert_writes_one_file_per_working_size(converted: Path) -> None:
    names = {path.name for path in (converted / "out").iterdir()}
    assert names == {f"{name}.fp32.onnx" for name, _ in FILES}


@pytest.mark.parametrize(("name", "size"), FILES)
def test_card_contains_metadata_of_checkpoint(
    converted: Path, name: str, size: WorkingSize
) -> None:
    source = converted / f"{name.removesuffix('-detail')}.pt"
    checkpoint = load_checkpoint(source)
    card = read_card(converted / "out" / f"{name}.fp32.onnx")
    assert (card.name, card.architecture) == (name, "tiny")
    assert (card.precision, card.compute) == ("fp32", "float32")
    assert card.preprocessing == replace(checkpoint.preprocessing, size=size.size)
    assert card.threshold == size.threshold
    assert card.parameters == count_parameters(checkpoint.network())
    assert card.gmac == pytest.approx(count_gmac(checkpoint.network(), size.size), abs=1e-3)
    licences = (Licence("hrf", 24, "CC BY 4.0"), Licence("synthetic", 3, "generated"))
    assert card.training_data == licences
    dice = round(checkpoint.evidence[size.name]["hrf"], 4)
    assert card.evidence == {"hrf/validation/native": dice}
    assert card.checkpoint_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


@pytest.mark.parametrize(("name", "size"), FILES)
def test_file_has_documented_input_and_output(
    converted: Path, name: str, size: WorkingSize
) -> None:
    side = size.size
    file = converted / "out" / f"{name}.fp32.onnx"
    onnx.checker.check_model(onnx.load(file), full_check=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (photo,) = session.get_inputs()
    (probability,) = session.get_outputs()
    assert (photo.name, photo.type, photo.shape) == ("photo", "tensor(uint8)", [1, side, side, 3])
    assert (probability.name, probability.type) == ("probability", "tensor(float)")
    assert probability.shape == [1, side, side]


@pytest.mark.parametrize(("name", "size"), FILES)
def test_onnx_runtime_computes_probability_of_torch(
    converted: Path, name: str, size: WorkingSize
) -> None:
    side = size.size
    network = load_checkpoint(converted / "net.pt").network()
    photo = np.random.default_rng(1).integers(0, 256, (1, side, side, 3), np.uint8)
    file = converted / "out" / f"{name}.fp32.onnx"
    actual = load_runtime(file, side, "onnxruntime", 1).infer(photo)
    expected = compute_stepwise(network, photo)
    assert actual.shape == (side, side)
    assert np.abs(actual - expected).max() < 1e-5
    assert np.ptp(expected) > 0.05


def compute_stepwise(network: ResUNet, photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Compute the vessel probability, with a normalization in separate steps."""
    pixels = torch.from_numpy(photo).permute(0, 3, 1, 2).float() / 255
    mean = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
    std = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)
    with torch.inference_mode():
        logits: Tensor = network((pixels - mean) / std)
    return np.asarray(logits.sigmoid()[0, 0].numpy(), np.float32)


def test_convert_writes_equal_bytes_for_equal_checkpoint(
    checkpoint: Path, tmp_path: Path, run_convert: RunConvert
) -> None:
    for folder in ("first", "second"):
        assert run_convert(checkpoint, "-o", tmp_path / folder, *FP32_FAST).exit_code == 0
    first = (tmp_path / "first/net.fp32.onnx").read_bytes()
    assert first == (tmp_path / "second/net.fp32.onnx").read_bytes()


def test_convert_reports_crash_of_onnxsim(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_convert: RunConvert
) -> None:
    (tmp_path / "fake").mkdir()
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    (tmp_path / "fake" / "onnxsim.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))
    result = run_convert(checkpoint, *FP32)
    assert result.exit_code == 0, result.output
    assert "onnxsim exited with code -9" in " ".join(result.output.split())
    # Without -o, the file is written to the folder of the checkpoint.
    assert read_card(checkpoint.with_name("net.fp32.onnx")).architecture == "tiny"


def test_failed_precision_is_not_written_and_older_file_is_deleted(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_convert: RunConvert
) -> None:
    monkeypatch.setitem(checks.LIMITS, "fp16w", replace(checks.LIMITS["fp16w"], bytes=0.1))
    out = tmp_path / "out"
    out.mkdir()
    for precision in ("fp32", "fp16w", "int8"):
        (out / f"net.{precision}.onnx").write_text("older file")
    result = run_convert(checkpoint, "-o", out, "--precision", "fp32,fp16w", "--no-simplify")
    assert result.exit_code == 4
    assert "net.fp16w.onnx: bytes" in result.stderr
    assert {path.name for path in out.iterdir()} == {"net.fp32.onnx", "net.int8.onnx"}
    assert read_card(out / "net.fp32.onnx").precision == "fp32"


@pytest.mark.slow
def test_convert_dynamic_accepts_any_size(checkpoint: Path, run_convert: RunConvert) -> None:
    result = run_convert(checkpoint, *FP32, "--dynamic", "--opset", "16")
    assert result.exit_code == 0, result.output
    file = checkpoint.with_name("net.fp32.onnx")
    assert read_card(file).gmac is None
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    photo = np.zeros((1, 96, 128, 3), np.uint8)
    assert session.run(None, {"photo": photo})[0].shape == (1, 96, 128)


def test_dice_on_data_is_in_card_json_and_report(
    checkpoint: Path, tmp_path: Path, run_convert: RunConvert
) -> None:
    html = tmp_path / "report.html"
    arguments = ("--data", "synthetic:1", "--html", html, "--json")
    result = run_convert(checkpoint, *FP32_FAST, *arguments)
    assert result.exit_code == 0, result.output
    output = json.loads(result.stdout)
    assert output.keys() == {"checkpoint_sha256", "settings", "references", "files"}
    assert output["settings"]["preprocessing"] == REFERENCE.to_dict()
    (reference,) = output["references"]
    (file,) = output["files"]
    assert reference["runtime"] == "pytorch"
    assert file["passed"] is True
    (data_set,) = file["data_sets"]
    assert len(data_set["photographs"]) == 1
    evidence = read_card(checkpoint.with_name("net.fp32.onnx")).evidence
    key = "synthetic/test/native"
    assert evidence[key] == pytest.approx(data_set["dice_mean"], abs=1e-6)
    assert data_set["dice_mean"] == pytest.approx(reference["data_sets"][0]["dice_mean"], abs=1e-4)
    assert "net.fp32.onnx" in html.read_text()


def test_convert_fails_when_dice_drops_below_limit(
    checkpoint: Path, tmp_path: Path, run_convert: RunConvert
) -> None:
    arguments = ("--data", "synthetic:1", "--max-dice-drop", "-1", "-o", tmp_path / "out")
    result = run_convert(checkpoint, *FP32_FAST, *arguments)
    assert result.exit_code == 4
    assert "net.fp32.onnx: Dice drop" in result.stderr
    assert not list((tmp_path / "out").iterdir())


def test_file_of_another_checkpoint_is_removed(
    checkpoint: Path, make_checkpoint: MakeCheckpoint, run_convert: RunConvert
) -> None:
    assert run_convert(checkpoint, *FP32_FAST).exit_code == 0
    published = checkpoint.with_name("net.fp32.onnx")
    old = checkpoint.with_name("net.int8.onnx")
    old.write_bytes(published.read_bytes())
    assert run_convert(checkpoint, *FP32_FAST).exit_code == 0
    assert old.exists()
    save_checkpoint(make_checkpoint(replace(REFERENCE, tiles=4), SIZES[:1]), checkpoint)
    result = run_convert(checkpoint, *FP32_FAST)
    assert result.exit_code == 0, result.output
    assert "net.int8.onnx" in result.stderr
    assert not old.exists()
    assert published.exists()


def test_name_option_names_files_and_card(
    checkpoint: Path, tmp_path: Path, run_convert: RunConvert
) -> None:
    result = run_convert(checkpoint, *FP32_FAST, "--name", "lab.v2", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["lab.v2.fp32.onnx"]
    assert read_card(tmp_path / "out" / "lab.v2.fp32.onnx").name == "lab.v2"


def test_convert_prints_effective_settings_with_defaults(converted: Path) -> None:
    source = open_source(converted / "net.pt", SourceOptions())
    lines = dict(_list_settings(source))
    assert lines["size"] == "64, 96"
    assert "0.485" in lines["mean"] and "default" not in lines["mean"]
    assert lines["clip_limit"].startswith("2.0") and "default" in lines["clip_limit"]
    assert {field.name for field in fields(PreprocessingConfig)} < lines.keys()
