"""INT8: close to FP32 for every architecture, in integers from end to end, and what costs Dice left in float."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from onnxruntime.quantization.calibrate import TensorsData
from torch import nn

from edgeseg.cli import cli
from edgeseg.datasets import open_data
from edgeseg.models.card import read_card
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.runtimes.base import load_runtime
from edgeseg_export import command
from edgeseg_export.precision import calibration, int8
from edgeseg_export.precision.build import Exported, ExportOptions, export
from edgeseg_export.source import SourceNetwork
from edgeseg_export.verify.checks import initializer_bytes
from edgeseg_train.checkpoint import Checkpoint, WorkingSize, save_checkpoint
from edgeseg_train.network.resunet import (
    ARCHITECTURES,
    ResUNet,
    architecture_by_name,
    build_network,
)

Export = Callable[[str, int], Exported]


@pytest.fixture(autouse=True)
def few_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "DRAWN", "synthetic:1")
    monkeypatch.setattr(calibration, "DRAWN", "synthetic:2")


def random_network(name: str) -> ResUNet:
    """Random weights; its logits are spread over both sides of 0, as a trained network's are."""
    torch.manual_seed(0)
    network = build_network(architecture_by_name(name))
    network.eval()
    head = network.output if isinstance(network.output, nn.Conv2d) else network.output[0]  # type: ignore[index]
    assert isinstance(head, nn.Conv2d)
    with torch.inference_mode():
        logits = network(torch.rand(1, 3, 64, 64))
    with torch.no_grad():
        head.weight.mul_(3 / float(logits.std()))
        assert head.bias is not None
        head.bias.sub_(float(logits.mean())).mul_(3 / float(logits.std()))
    return network


@pytest.fixture
def exported(tmp_path: Path) -> Export:
    def make(name: str, size: int) -> Exported:
        working = WorkingSize("default", size)
        source = SourceNetwork(
            random_network(name), name, preprocessing_preset("edge", size), (working,)
        )
        order = ExportOptions(("int8",), (), False, simplified=False)
        return export(source, working, name, order, tmp_path)

    return make


def logits(file: Path, size: int, photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    probability = (
        load_runtime(file, size, "onnxruntime", 1)
        .infer(photo)
        .astype(np.float64)
        .clip(1e-6, 1 - 1e-6)
    )
    found: npt.NDArray[np.float64] = np.log(probability / (1 - probability)).ravel()
    return found


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "resunet-deeper"])
def test_the_logits_point_where_fp32s_do(
    exported: Export, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "MOST_FLOAT_WEIGHTS", 0)
    one = exported(name, 128)
    check_against_fp32(int8.quantize_int8(one, ()).model, one.file, 128, tmp_path / "int8.onnx")


def test_the_logits_of_the_published_network(exported: Export, tmp_path: Path) -> None:
    """255 MB, and so calibrated in one way only."""
    one = exported("resunet-deeper", 64)
    check_against_fp32(int8.to_int8(*ranges_of(one)), one.file, 64, tmp_path / "int8.onnx")
    for file in tmp_path.glob("*.onnx"):
        file.unlink()


def check_against_fp32(model: onnx.ModelProto, fp32: Path, size: int, file: Path) -> None:
    onnx.save(model, file)
    onnx.checker.check_model(str(file), full_check=True)
    seen = (
        calibration.open_calibration((), preprocessing_preset("edge", size))
        .judged[0]
        .prepared.tensor
    )
    ours, theirs = logits(file, size, seen), logits(fp32, size, seen)
    assert ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs)) >= 0.99
    assert initializer_bytes(model) <= 0.3 * initializer_bytes(onnx.load(fp32))


def test_between_photograph_and_probability_all_is_in_integers(
    exported: Export, tmp_path: Path
) -> None:
    made = int8.to_int8(*ranges_of(exported("tiny", 64)))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    operators = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert operators.count("DequantizeLinear") == 1
    assert {"QLinearConv", "QLinearAdd", "QLinearConcat", "Sigmoid"} <= set(operators)
    assert not {
        "QuantizeLinear",
        "Cast",
        "Mul",
        "Conv",
        "FusedConv",
        "Add",
        "Concat",
        "Relu",
    } & set(operators)
    assert (
        operators.count("Transpose") <= 5
    )  # where blocks are moved: stem, two levels, head, and the logits


def ranges_of(one: Exported) -> tuple[Path, TensorsData]:
    photographs = calibration.open_calibration((), one.source.preprocessing)
    trial = int8._trial(one, photographs.judged)
    return trial.graph, calibration.ranges(trial.graph, photographs.fed, "min-max")


def test_a_layer_that_costs_dice_stays_in_float(
    exported: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "MOST_FLOAT_WEIGHTS", 1)
    monkeypatch.setattr(int8, "MOST_FLOAT_LAYERS", 1)
    monkeypatch.setattr(int8, "ENOUGH_FLIPS", 0)
    one = exported("tiny", 64)
    made = int8.quantize_int8(one, ())
    (left,) = (check for check in made.checks if check.name == "left in float")
    assert left.value == 1
    float_weights = [
        t
        for t in made.model.graph.initializer
        if t.data_type == onnx.TensorProto.FLOAT and len(t.dims) == 4
    ]
    assert any(np.prod(t.dims) > 100 for t in float_weights)


def test_what_the_command_says_and_writes(tmp_path: Path) -> None:
    how = preprocessing_preset("edge", 64)
    size = WorkingSize("default", 64, 0.5)
    evidence = {"default": {"hrf": 0.8}}
    save_checkpoint(
        Checkpoint(
            architecture_by_name("tiny"),
            random_network("tiny").state_dict(),
            how,
            (size,),
            (),
            evidence,
        ),
        tmp_path / "net.pt",
    )
    arguments = [
        "convert",
        str(tmp_path / "net.pt"),
        "--precision",
        "int8",
        "--no-simplify",
        "--max-dice-drop",
        "1",
    ]
    result = CliRunner().invoke(cli, [*arguments, "--data", "synthetic:1"])
    assert "give real ones with --calibrate" in result.stderr
    assert result.exit_code in (0, 4), (
        result.output
    )  # random weights may turn over more pixels than is allowed
    if result.exit_code == 0:
        card = read_card(tmp_path / "net.int8.onnx")
        assert (card.precision, card.compute) == ("int8", "int8")
        assert set(card.evidence) == {
            "synthetic/test/native"
        }  # FP32's validation Dice is not INT8's
    else:
        assert "flipped" in result.stderr
        assert not (tmp_path / "net.int8.onnx").exists()


def test_a_spread_over_data_sets() -> None:
    nine = open_data("synthetic:9", "train")
    picked = calibration._spread([nine, nine], 4)
    assert [pair.name for pair in picked] == [nine.pairs[0].name, nine.pairs[-1].name] * 2
