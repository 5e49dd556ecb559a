"""Failures of `edgeseg convert`, which must not write a file, and networks that print text."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result

from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg_export import command
from edgeseg_export.precision import build
from edgeseg_train.checkpoint import Checkpoint, WorkingSize, save_checkpoint

RunConvert = Callable[..., Result]
MakeCheckpoint = Callable[[PreprocessingConfig, tuple[WorkingSize, ...]], Checkpoint]

REFERENCE = preprocessing_preset("reference", 64)
SIZES = (WorkingSize("default", 64, 0.4),)
FP32_FAST = ("--precision", "fp32", "--no-simplify")
PRINTING_NETWORK = """
import os
from edgeseg_train.network.resunet import ResUNet, architecture_by_name

print("printed at import")

class PrintingNetwork(ResUNet):
    def forward(self, x):
        print("printed in forward()")
        os.system("echo printed by a program")
        return super().forward(x)

def create():
    os.write(1, b"printed by C\\n")
    return PrintingNetwork(architecture_by_name("tiny"))
"""


@pytest.fixture
def checkpoint(tmp_path: Path, make_checkpoint: MakeCheckpoint) -> Path:
    save_checkpoint(make_checkpoint(REFERENCE, SIZES), tmp_path / "net.pt")
    return tmp_path / "net.pt"


def fail_with(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("unsupported operator"), 4),
        (KeyError("bug in a converter"), 4),
        (MemoryError(), 7),
        (OSError(errno.ENOSPC, "No space left on device"), 7),
    ],
)
def test_convert_changes_no_file_when_a_file_cannot_be_created(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_convert: RunConvert,
    error: Exception,
    code: int,
) -> None:
    monkeypatch.setitem(build.CONVERTERS, "fp16w", fail_with(error))
    out = tmp_path / "out"
    out.mkdir()
    for precision in ("fp32", "fp16w"):
        (out / f"net.{precision}.onnx").write_text("older file")
    result = run_convert(checkpoint, "-o", out, "--precision", "fp32,fp16w", "--no-simplify")
    assert result.exit_code == code
    errors = [line for line in result.stderr.splitlines() if "implausible_mask" not in line]
    assert len(errors) == 1
    contents = {file.name: file.read_text() for file in out.iterdir()}
    assert contents == {"net.fp32.onnx": "older file", "net.fp16w.onnx": "older file"}
    assert str(out) not in result.stdout


def test_convert_writes_no_file_when_the_report_fails(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_convert: RunConvert
) -> None:
    monkeypatch.setattr(command, "render_report", fail_with(KeyError("bug")))
    arguments = (*FP32_FAST, "-o", tmp_path / "out", "--html")
    assert run_convert(checkpoint, *arguments, tmp_path / "none" / "report.html").exit_code == 7
    assert not (tmp_path / "out").exists()
    assert run_convert(checkpoint, *arguments, tmp_path / "report.html").exit_code == 1
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
def test_convert_json_prints_only_results_when_the_network_prints(
    tmp_path: Path, make_checkpoint: MakeCheckpoint
) -> None:
    torch.save(make_checkpoint(REFERENCE, SIZES).weights, tmp_path / "weights.pt")
    (tmp_path / "network.py").write_text(PRINTING_NETWORK)
    command = [sys.executable, "-m", "edgeseg", "convert", "weights.pt", *FP32_FAST, "--json"]
    done = subprocess.run(
        [*command, "--arch", "network.py:create", "--preprocessing", "edge", "--size", "64"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"][0]["passed"]
    assert done.stderr.count("printed") >= 4


@pytest.mark.parametrize("arguments", [("--precision", "fp8"), ("--data", "synthetic:1") * 2])
def test_convert_rejects_invalid_options(
    checkpoint: Path, arguments: tuple[str, ...], tmp_path: Path, run_convert: RunConvert
) -> None:
    result = run_convert(checkpoint, *arguments, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_convert_rejects_missing_or_invalid_checkpoint(
    tmp_path: Path, run_convert: RunConvert
) -> None:
    assert run_convert().exit_code == 2
    missing = run_convert(tmp_path / "none.pt")
    assert missing.exit_code == 6
    assert "none.pt" in missing.stderr
    (tmp_path / "bad.pt").write_bytes(b"not a checkpoint")
    assert run_convert(tmp_path / "bad.pt", "-o", tmp_path / "out").exit_code == 6
    assert not (tmp_path / "out").exists()


def test_convert_exits_with_7_when_folder_cannot_be_created(
    checkpoint: Path, tmp_path: Path, run_convert: RunConvert
) -> None:
    (tmp_path / "file").touch()
    assert run_convert(checkpoint, "-o", tmp_path / "file" / "out", *FP32_FAST).exit_code == 7


def test_convert_html_exits_with_7_when_jinja2_is_missing(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_convert: RunConvert
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = run_convert(checkpoint, *FP32_FAST, "--html", tmp_path / "report.html")
    assert result.exit_code == 7
    assert "'.[html]'" in result.stderr
    assert not checkpoint.with_name("net.fp32.onnx").exists()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_convert_with_calibration_data_without_a_split_exits_with_7_before_the_conversion(
    checkpoint: Path, tmp_path: Path, run_convert: RunConvert, split: str
) -> None:
    data = tmp_path / "data"
    for folder in ("images", "masks"):
        (data / folder).mkdir(parents=True)
        (data / folder / "a.png").touch()
    (data / "split.csv").write_text(f"stem,split\na,{split}\n")
    arguments = ("--calibrate", f"pairs:{data}", "-o", tmp_path / "out")
    assert run_convert(checkpoint, *arguments).exit_code == 7
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "/tmp/x", "a\nb", "x" * 201])
def test_invalid_name_exits_with_2(
    checkpoint: Path, tmp_path: Path, name: str, run_convert: RunConvert
) -> None:
    result = run_convert(checkpoint, *FP32_FAST, "--name", name, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "--name" in result.stderr
    assert not (tmp_path / "out").exists()
