"""On a Cortex-A72 and a Cortex-A76: which arithmetic runs, what comes out, how much work it is. Never time."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from edgeseg import Segmenter
from edgeseg.imaging.photo import read_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.arm64.conftest import Board, Emulated

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "benchmarks" / "arm64.json"
COMMAND = "EDGESEG_WRITE_RECORD=1 pytest tests/arm64 -k record"
RUNS = 4

# Emulation is slow, and the first installation downloads some 80 MB.
pytestmark = pytest.mark.timeout(1200)

ARITHMETIC = {
    "pi4": {"fp32": "float", "fp16": "float", "fp16w": "float", "int8": "uint8"},
    "pi5": {"fp32": "float", "fp16": "float16", "fp16w": "float", "int8": "uint8"},
}
"""Of the convolutions. A silent FP32 fallback would pass every comparison of numbers."""

LARGEST_DIFFERENCE = {"fp32": 1e-3, "fp16": 0.06, "fp16w": 1e-3, "int8": 0.1}
"""Of a probability, to this machine's for the same file; about twice what was seen. FP32's comes from OpenCV, which may
round a pixel of the resized photograph otherwise; FP16 of the A76 rounds every sum, x86-64 only the results."""

MEAN_DIFFERENCE = {"fp32": 1e-5, "fp16": 1e-3, "fp16w": 1e-5, "int8": 2e-3}


@pytest.fixture(scope="module", params=["pi4", "pi5"])
def seen(
    request: pytest.FixtureRequest,
    board: Emulated,
    photograph: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Board, Path, dict[str, object]]:
    """Board, folder of its probabilities, and what guest.py said."""
    name: Board = request.param
    folder = tmp_path_factory.mktemp(name)
    return name, folder, board.guest(name, "look", *_carried(board), photograph, folder)


def test_it_is_the_core_that_it_should_be(seen: tuple[Board, Path, dict[str, object]]) -> None:
    name, _, said = seen
    features = cast("list[str]", said["features"])
    assert said["machine"] == "aarch64"
    assert (
        {"fphp", "asimdhp", "asimddp"} <= set(features) if name == "pi5" else "fphp" not in features
    )


def test_the_convolutions_compute_in_the_precision_of_the_file(
    seen: tuple[Board, Path, dict[str, object]], board: Emulated
) -> None:
    name, _, said = seen
    types = cast("dict[str, dict[str, int]]", said["convolutions"])
    assert {_precision(file) for file in types} == set(ARITHMETIC[name])
    for model in _carried(board):
        left, all_ = _left_in_float(model), sum(types[model.name].values())
        wanted = {ARITHMETIC[name][_precision(model.name)]: all_ - left} | (
            {"float": left} if left else {}
        )
        assert types[model.name] == wanted
        assert all_ >= 20 and left <= all_ // 4


def _left_in_float(model: Path) -> int:
    """Convolutions of an INT8 file that `convert` left in float: at this small size some cost too much Dice."""
    if _precision(model.name) != "int8":
        return 0
    graph = (
        pytest.importorskip("onnx", reason="the graph is read with onnx (extra 'export')")
        .load(model)
        .graph
    )
    quantized = {
        output
        for node in graph.node
        if node.op_type == "DequantizeLinear"
        for output in node.output
    }
    return sum(node.op_type == "Conv" and node.input[1] not in quantized for node in graph.node)


def test_every_precision_gives_what_this_machine_gives(
    seen: tuple[Board, Path, dict[str, object]], board: Emulated, photograph: Path
) -> None:
    _, folder, _ = seen
    for model in _carried(board):
        here = Segmenter(model, threads=1).segment(photograph).probability
        difference = np.abs(np.load(folder / f"{model.name}.npy") - here)
        precision = _precision(model.name)
        assert difference.max() <= LARGEST_DIFFERENCE[precision], precision
        assert difference.mean() <= MEAN_DIFFERENCE[precision], precision
        assert here.max() > 0.9


def test_auto_takes_half_precision_only_where_the_core_has_it(
    seen: tuple[Board, Path, dict[str, object]],
) -> None:
    """INT8 here was calibrated on drawn photographs, so `auto` leaves it alone."""
    name, _, said = seen
    assert cast("list[str]", said["auto"])[0] == {"pi4": "fp32", "pi5": "fp16"}[name]


def test_half_precision_on_the_a76_keeps_the_dice(
    board: Emulated, larger_models: Path, data_root: Path
) -> None:
    files = [next(larger_models.glob(f"*.{precision}.onnx")) for precision in ("fp32", "fp16")]
    said = board.guest("pi5", "dice", f"drive:{data_root / 'DRIVE'}", 3, *files)
    whole, half = (cast("Mapping[str, float]", said["dice"])[file.name] for file in files)
    assert whole > 0.3
    assert abs(whole - half) <= 0.001


def test_the_guides_lines_segment_a_photograph(
    board: Emulated, lines: Callable[[str], str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """With the shipped model at its own size, on the weaker board; a photograph of DRIVE where there is one."""
    data = os.environ.get("EDGESEG_DATA")
    drive = Path(data, "DRIVE/test/images/01_test.tif") if data else None
    source = drive or cast("Path", request.getfixturevalue("photograph"))
    (tmp_path / "photograph.tif").write_bytes(
        source.read_bytes()
    )  # the bytes tell a format, not the name
    board.shell(lines("run"), "pi4", tmp_path)
    mask = read_mask(tmp_path / "vessels" / "photograph_vessels.png")
    assert 0.02 < (mask > 0).mean() < 0.3


def test_instructions_of_an_inference_as_in_the_record(
    board: Emulated, photograph: Path, plugin: Path
) -> None:
    counted = {name: _count(board, name, photograph, plugin) for name in ("pi4", "pi5")}
    if os.environ.get("EDGESEG_WRITE_RECORD"):
        RECORD.write_text(json.dumps(_record(counted), indent=2) + "\n")
    recorded = json.loads(RECORD.read_text())["instructions_millions"]
    for name, counts in counted.items():
        for precision, millions in counts.items():
            assert millions == pytest.approx(recorded[name][precision], rel=0.1), (name, precision)
    a76 = counted["pi5"]
    assert a76["fp32"] / a76["fp16"] >= 1.5
    assert a76["fp32"] / a76["int8"] >= 2
    assert a76["fp16w"] / a76["fp32"] <= 1.1


def test_the_guides_lines_look_update_and_remove(
    board: Emulated, lines: Callable[[str], str]
) -> None:
    """The last test: it removes what the others use. `doctor` tries a small model, which is computed sooner."""
    model = next(file for file in _carried(board) if _precision(file.name) == "fp32")
    said = board.shell(f"{lines('doctor').rstrip()} --model {model}", "pi5", board.home)
    assert "Cortex-A76" in said
    assert re.search(r"runtime onnxruntime +works: computed the model", said)
    card = next(
        (board.home / "edgeseg" / "lib").glob("python*/site-packages/edgeseg/models/README.md")
    )
    shipped = card.read_bytes()
    card.unlink()
    board.shell(lines("update"), "pi5", board.home)
    assert card.read_bytes() == shipped
    board.shell(lines("remove"), "pi5", board.home)
    assert not (board.home / "edgeseg").exists()
    left = {
        path.name
        for path in board.home.rglob("*")
        if "edgeseg-bundle" not in path.parts and path.is_file()
    }
    assert left == set()


def _count(board: Emulated, name: Board, photograph: Path, plugin: Path) -> dict[str, float]:
    """Precision -> millions of guest instructions of one inference, one thread."""
    models = _carried(board)
    marks = board.marks(name, plugin, "count", RUNS, *models, photograph)
    return {
        _precision(model.name): round((marks[2 * i + 1] - marks[2 * i]) / RUNS / 1e6, 2)
        for i, model in enumerate(models)
    }


def _record(counted: Mapping[str, Mapping[str, float]]) -> dict[str, object]:
    return {
        "what": "guest instructions of one inference, shipped weights at 128x128, one thread, qemu-user; no time",
        "command": COMMAND,
        "boards": {"pi4": "Cortex-A72 (Raspberry Pi 4)", "pi5": "Cortex-A76 (Raspberry Pi 5)"},
        "instructions_millions": counted,
    }


def _carried(board: Emulated) -> list[Path]:
    """The model files that came with the bundle."""
    return sorted((board.home / "edgeseg-bundle" / "models").glob("*.onnx"))


def _precision(file: str) -> str:
    return file.split(".")[-2]
