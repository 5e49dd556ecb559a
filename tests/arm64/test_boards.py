"""Data types, results and instruction counts on an emulated Cortex-A72 and Cortex-A76.

Time is not measured under emulation.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pytest

from edgeseg import Segmenter
from edgeseg.imaging.photo import read_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.arm64.conftest import Board, EmulatedBoard

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "benchmarks" / "arm64.json"
COMMAND = "EDGESEG_WRITE_RECORD=1 pytest tests/arm64 -k record"
RUNS = 4

# Emulation is slow, and the first installation downloads about 80 MB.
pytestmark = [pytest.mark.arm64, pytest.mark.slow, pytest.mark.timeout(1200)]

CONVOLUTION_TYPES = {
    "pi4": {"fp32": "float", "fp16": "float", "fp16w": "float", "int8": "uint8"},
    "pi5": {"fp32": "float", "fp16": "float16", "fp16w": "float", "int8": "uint8"},
}
"""Expected data types of the convolutions.

No other comparison detects a silent fallback to FP32.
"""

MAX_DIFFERENCE = {"fp32": 1e-3, "fp16": 0.06, "fp16w": 1e-3, "int8": 0.1}
"""Limit of the difference between the probabilities on a board and on this machine: twice the
measured difference.

The difference in FP32 is due to OpenCV, which may round a resized pixel differently. In FP16, the
A76 rounds every sum, and x86-64 rounds only the results.
"""

MEAN_DIFFERENCE = {"fp32": 1e-5, "fp16": 1e-3, "fp16w": 1e-5, "int8": 2e-3}


class GuestResult(NamedTuple):
    """Result of `guest.py segment` on one board."""

    board: Board
    folder: Path
    record: dict[str, object]


@pytest.fixture(scope="module", params=["pi4", "pi5"])
def result(
    request: pytest.FixtureRequest,
    board: EmulatedBoard,
    photograph: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> GuestResult:
    name: Board = request.param
    folder = tmp_path_factory.mktemp(name)
    record = board.run_guest(name, "segment", *installed_models(board), photograph, folder)
    return GuestResult(name, folder, record)


def test_board_has_the_cpu_features_of_its_core(result: GuestResult) -> None:
    features = set(cast("list[str]", result.record["features"]))
    assert result.record["machine"] == "aarch64"
    if result.board == "pi5":
        assert {"fphp", "asimdhp", "asimddp"} <= features
    else:
        assert "fphp" not in features


def test_convolutions_compute_in_the_precision_of_the_file(
    result: GuestResult, board: EmulatedBoard
) -> None:
    expected_types = CONVOLUTION_TYPES[result.board]
    types = cast("dict[str, dict[str, int]]", result.record["convolutions"])
    assert {precision_of(file) for file in types} == set(expected_types)
    for model in installed_models(board):
        in_float = count_float_convolutions(model)
        counts = types[model.name]
        total = sum(counts.values())
        file_type = expected_types[precision_of(model.name)]
        assert set(counts) <= {file_type, "float"}
        # ONNX Runtime quantizes some convolutions that are FP32 in the file.
        assert total - counts[file_type] <= in_float
        assert total >= 20
        assert in_float <= total // 4


def count_float_convolutions(model: Path) -> int:
    """Count the convolutions that `convert` left in FP32 to limit the loss of Dice."""
    if precision_of(model.name) != "int8":
        return 0
    onnx = pytest.importorskip("onnx", reason="reading the graph needs onnx (extra 'export')")
    nodes = onnx.load(model).graph.node
    quantized: set[str] = set()
    for node in nodes:
        if node.op_type == "DequantizeLinear":
            quantized.update(node.output)
    return sum(node.op_type == "Conv" and node.input[1] not in quantized for node in nodes)


def test_probability_on_the_board_is_close_to_the_host(
    result: GuestResult, board: EmulatedBoard, photograph: Path
) -> None:
    for model in installed_models(board):
        expected = Segmenter(model, threads=1).segment(photograph).probability
        difference = np.abs(np.load(result.folder / f"{model.name}.npy") - expected)
        precision = precision_of(model.name)
        assert difference.max() <= MAX_DIFFERENCE[precision], precision
        assert difference.mean() <= MEAN_DIFFERENCE[precision], precision
        assert expected.max() > 0.9


def test_auto_selects_fp16_only_on_cores_with_fp16_arithmetic(result: GuestResult) -> None:
    """INT8 is not selected, because it was calibrated on synthetic photographs."""
    precision = cast("list[str]", result.record["auto"])[0]
    assert precision == {"pi4": "fp32", "pi5": "fp16"}[result.board]


def test_fp16_on_the_a76_has_the_dice_of_fp32(
    board: EmulatedBoard, larger_models: Path, data_root: Path
) -> None:
    files = [next(larger_models.glob(f"*.{precision}.onnx")) for precision in ("fp32", "fp16")]
    record = board.run_guest("pi5", "dice", f"drive:{data_root / 'DRIVE'}", 3, *files)
    dice = cast("Mapping[str, float]", record["dice"])
    fp32, fp16 = dice[files[0].name], dice[files[1].name]
    assert fp32 > 0.3
    assert abs(fp32 - fp16) <= 0.001


def test_guide_lines_segment_a_photograph(
    board: EmulatedBoard,
    guide: Callable[[str], str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Run the shipped model at its own size on the slower board, on a DRIVE photograph if
    available."""
    data = os.environ.get("EDGESEG_DATA")
    if data:
        source = Path(data, "DRIVE/test/images/01_test.tif")
    else:
        source = cast("Path", request.getfixturevalue("photograph"))
    # The format is detected from the content, not from the name.
    (tmp_path / "photograph.tif").write_bytes(source.read_bytes())
    board.run_shell(guide("run"), "pi4", tmp_path)
    mask = read_mask(tmp_path / "vessels" / "photograph_vessels.png")
    assert 0.02 < (mask > 0).mean() < 0.3


def test_instruction_counts_match_the_record(
    board: EmulatedBoard, photograph: Path, plugin: Path
) -> None:
    counts = {name: count_millions(board, name, photograph, plugin) for name in ("pi4", "pi5")}
    if os.environ.get("EDGESEG_WRITE_RECORD"):
        RECORD.write_text(json.dumps(create_record(counts), indent=2) + "\n")
    recorded = json.loads(RECORD.read_text())["instructions_millions"]
    for name, millions in counts.items():
        for precision, value in millions.items():
            limit = recorded[name][precision]
            assert value <= 1.1 * limit, (name, precision)
            # The number of layers in FP32 depends on the machine that converts the file.
            if precision != "int8":
                assert value >= 0.9 * limit, (name, precision)
    a76 = counts["pi5"]
    assert a76["fp32"] / a76["fp16"] >= 1.5
    assert a76["fp32"] / a76["int8"] >= 2
    assert a76["fp16w"] / a76["fp32"] <= 1.1


def test_guide_lines_diagnose_update_and_remove(
    board: EmulatedBoard, guide: Callable[[str], str]
) -> None:
    """This must be the last test, because it removes edgeseg.

    A small model makes `doctor` faster.
    """
    fp32 = [file for file in installed_models(board) if precision_of(file.name) == "fp32"]
    doctor = f"{guide('doctor').rstrip()} --model {fp32[0]}"
    output = board.run_shell(doctor, "pi5", board.home)
    assert "Cortex-A76" in output
    assert re.search(r"onnxruntime\b.*\bworks\b", output)
    packages = board.home / "edgeseg" / "lib"
    readme = next(packages.glob("python*/site-packages/edgeseg/models/README.md"))
    content = readme.read_bytes()
    readme.unlink()
    board.run_shell(guide("update"), "pi5", board.home)
    assert readme.read_bytes() == content
    board.run_shell(guide("remove"), "pi5", board.home)
    assert not (board.home / "edgeseg").exists()
    for path in board.home.rglob("*"):
        assert not path.is_file() or "edgeseg-bundle" in path.parts, path


def count_millions(
    board: EmulatedBoard, name: Board, photograph: Path, plugin: Path
) -> dict[str, float]:
    """Count the guest instructions of an inference with one thread in millions, per precision."""
    models = installed_models(board)
    marks = board.count_instructions(name, plugin, "count", RUNS, *models, photograph)
    millions: dict[str, float] = {}
    for k, model in enumerate(models):
        instructions = (marks[2 * k + 1] - marks[2 * k]) / RUNS
        millions[precision_of(model.name)] = round(instructions / 1e6, 2)
    return millions


def create_record(counts: Mapping[str, Mapping[str, float]]) -> dict[str, object]:
    return {
        "what": "guest instructions of one inference, shipped weights at 128x128, one thread, "
        "qemu-user; no time",
        "command": COMMAND,
        "boards": {"pi4": "Cortex-A72 (Raspberry Pi 4)", "pi5": "Cortex-A76 (Raspberry Pi 5)"},
        "instructions_millions": counts,
    }


def installed_models(board: EmulatedBoard) -> list[Path]:
    """Return the model files of the bundle."""
    return sorted((board.home / "edgeseg-bundle" / "models").glob("*.onnx"))


def precision_of(file: str) -> str:
    return file.split(".")[-2]
