"""Tests of the model file of each precision."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from click.testing import Result

from edgeseg.datasets import open_data
from edgeseg.models.card import Precision, read_card
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg.runtimes import base
from edgeseg.runtimes.base import Runtime
from edgeseg_export.precision import build
from edgeseg_export.precision.fp32 import ExportOptions, export_fp32
from edgeseg_export.source import source_from_checkpoint
from edgeseg_export.verify import checks
from edgeseg_export.verify.parity import compute_reference
from edgeseg_train.checkpoint import Checkpoint, WorkingSize
from edgeseg_train.network.resunet import ARCHITECTURES, architecture_by_name, build_network

RunConvert = Callable[..., Result]
MakeCheckpoint = Callable[[PreprocessingConfig, tuple[WorkingSize, ...]], Checkpoint]


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_architecture_passes_checks_in_fp32_and_fp16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, run_convert: RunConvert
) -> None:
    """`resunet-deeper` is a bare state dict of 255 MB, as its authors publish it."""
    for precision in ("fp16", "fp16w"):  # rounding changes many pixels of random weights
        monkeypatch.setitem(checks.LIMITS, precision, checks.ParityLimits(0.51, 5e-3, None, 1e-3))
    torch.manual_seed(0)
    weights = build_network(architecture_by_name(name)).state_dict()
    checkpoint = tmp_path / "net.pth"
    torch.save({"model_state_dict": weights}, checkpoint)
    arguments = ("--arch", name, "--preprocessing", "reference", "--size", "64")
    result = run_convert(checkpoint, *arguments, "--no-simplify", "--json")
    checkpoint.unlink()
    assert result.exit_code == 0, result.output
    files = json.loads(result.stdout)["files"]
    names = [file["file"] for file in files]
    assert names == ["net.fp32.onnx", "net.fp16.onnx", "net.fp16w.onnx"]
    limits = [{c["name"]: c["limit"] for c in file["checks"]}["difference"] for file in files]
    assert limits == [1e-4, 5e-3, 5e-3]
    for file in names:
        (tmp_path / file).unlink()  # 512 MB


@pytest.mark.parametrize("precision", ["fp32", "fp16", "fp16w"])
def test_build_file_appends_card_to_measured_bytes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_checkpoint: MakeCheckpoint,
    precision: Precision,
) -> None:
    loaded: list[bytes] = []

    def load_and_record(file: Path, *arguments: object) -> Runtime:
        loaded.append(file.read_bytes())
        return base.load_runtime(file, *arguments)  # type: ignore[arg-type]

    size = WorkingSize("default", 64, 0.4)
    config = preprocessing_preset("edge", 64)
    source = source_from_checkpoint(make_checkpoint(config, (size,)))
    data_sets = (open_data("synthetic:1", "test"),)
    options = ExportOptions((precision,), data_sets, True, simplified=False)
    graph = export_fp32(source, size, "net", options, tmp_path)
    reference = compute_reference(graph.network, config, 0.4, data_sets, True, tmp_path)
    monkeypatch.setattr(build, "load_runtime", load_and_record)
    exported = build.build_file(precision, graph, "0" * 64, reference, options)
    assert exported.file.name == f"net.{precision}.onnx"
    measured, final = loaded
    assert exported.file.read_bytes() == final
    assert final.startswith(measured)
    assert not onnx.load_from_string(measured).metadata_props
    assert onnx.load_from_string(final).graph == onnx.load_from_string(measured).graph
    (mean,) = (scores.mean for scores in exported.result.data_sets)
    assert mean is not None
    evidence = read_card(exported.file).evidence
    assert evidence["synthetic/test/native"] == round(mean.dice, 6)


def test_build_file_turns_error_into_failed_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_checkpoint: MakeCheckpoint
) -> None:
    def fail(*arguments: object) -> None:
        raise ValueError("unsupported operator")

    size = WorkingSize("default", 64, 0.4)
    config = preprocessing_preset("edge", 64)
    source = source_from_checkpoint(make_checkpoint(config, (size,)))
    data_sets = (open_data("synthetic:1", "test"),)
    options = ExportOptions(("fp16",), data_sets, False, simplified=False)
    graph = export_fp32(source, size, "net", options, tmp_path)
    reference = compute_reference(graph.network, config, 0.4, data_sets, False, tmp_path)
    monkeypatch.setitem(build.CONVERTERS, "fp16", fail)
    exported = build.build_file("fp16", graph, "0" * 64, reference, options)
    assert not exported.result.passed
    assert exported.parity is None
    (check,) = exported.result.checks
    assert check.name == "made"
    assert "unsupported operator" in check.note
