"""Every architecture in FP32 and half precision, and the command's options for the graph."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest
import torch
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.models.card import read_card
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_export import command
from edgeseg_export.verify import checks
from edgeseg_train.checkpoint import Checkpoint, WorkingSize, save_checkpoint
from edgeseg_train.network.resunet import ARCHITECTURES, architecture_by_name, build_network


@pytest.fixture(autouse=True)
def one_drawing() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "DRAWN", "synthetic:1")
        yield


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["convert", *map(str, arguments)])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_probability_of_random_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """`resunet-deeper` as its authors publish it: a bare state dict, here of 255 MB."""
    for precision in (
        "fp16",
        "fp16w",
    ):  # any rounding turns pixels over where the weights are random
        monkeypatch.setitem(checks.LIMITS, precision, checks.ParityLimits(0.51, 5e-3, None, 1e-3))
    torch.manual_seed(0)
    torch.save(
        {"model_state_dict": build_network(architecture_by_name(name)).state_dict()},
        tmp_path / "net.pth",
    )
    fed = ("--arch", name, "--preprocessing", "reference", "--size", "64")
    result = run(tmp_path / "net.pth", *fed, "--no-simplify", "--json")
    (tmp_path / "net.pth").unlink()
    assert result.exit_code == 0, result.output
    files = json.loads(result.stdout)["files"]
    assert [file["file"] for file in files] == [
        f"net.{precision}.onnx" for precision in ("fp32", "fp16", "fp16w")
    ]
    limits = [{c["name"]: c["limit"] for c in file["checks"]}["difference"] for file in files]
    assert limits == [1e-4, 5e-3, 5e-3]
    for file in files:
        (tmp_path / file["file"]).unlink()  # so that 512 MB do not wait for the end of the session


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    size = WorkingSize("default", 64)
    weights = build_network(architecture_by_name("tiny")).state_dict()
    save_checkpoint(
        Checkpoint(
            architecture_by_name("tiny"), weights, preprocessing_preset("edge", 64), (size,), ()
        ),
        tmp_path / "n.pt",
    )
    return tmp_path / "n.pt"


def test_any_size_at_run_time(checkpoint: Path) -> None:
    result = run(checkpoint, "--precision", "fp32", "--dynamic", "--opset", "16")
    assert result.exit_code == 0, result.output
    file = checkpoint.with_name("n.fp32.onnx")
    assert read_card(file).gmac is None
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    photo = torch.zeros(1, 96, 128, 3, dtype=torch.uint8).numpy()
    assert session.run(None, {"photo": photo})[0].shape == (1, 96, 128)


def test_dice_goes_to_the_card_and_the_report(checkpoint: Path, tmp_path: Path) -> None:
    arguments = (
        "--precision",
        "fp32",
        "--no-simplify",
        "--data",
        "synthetic:1",
        "--html",
        tmp_path / "report.html",
    )
    result = run(checkpoint, *arguments, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    (reference,), (file,) = told["references"], told["files"]
    assert reference["runtime"] == "pytorch"
    assert file["passed"] is True
    (data_set,) = file["data_sets"]
    assert len(data_set["photographs"]) == 1
    evidence = read_card(checkpoint.with_name("n.fp32.onnx")).evidence
    assert evidence == {"synthetic/test/native": pytest.approx(data_set["dice_mean"], abs=1e-6)}
    assert data_set["dice_mean"] == pytest.approx(reference["data_sets"][0]["dice_mean"], abs=1e-4)
    assert "n.fp32.onnx" in (tmp_path / "report.html").read_text()


def test_a_dice_drop_that_is_not_allowed(checkpoint: Path, tmp_path: Path) -> None:
    strict = (
        "--data",
        "synthetic:1",
        "--max-dice-drop",
        "-1",
        "--precision",
        "fp32",
        "--no-simplify",
    )
    result = run(checkpoint, *strict, "-o", tmp_path / "out")
    assert result.exit_code == 4
    assert "n.fp32.onnx: Dice drop" in result.stderr
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("arguments", [("--precision", "fp8"), ("--data", "synthetic:1") * 2])
def test_senseless_requests(checkpoint: Path, arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = run(checkpoint, *arguments, "-o", tmp_path / "out")
    assert result.exit_code == 2
