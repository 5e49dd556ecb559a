"""`edgeseg evaluate`: output, figures and exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.commands.options import PRECISIONS, RUNTIMES, SPLITS
from edgeseg.datasets import SplitChoice
from edgeseg.evaluation.scores import HEADINGS
from edgeseg.imaging.arrays import Mask
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.photo import read_photo
from edgeseg.models.catalog import PrecisionChoice
from edgeseg.runtimes.base import RuntimeChoice
from edgeseg.synthetic import generate_photo

SIZE = 256


def write_png(file: Path, image: Mask) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encode_png(image))


@pytest.fixture(scope="module")
def synthetic_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`pairs` folder with three synthetic photographs."""
    folder = tmp_path_factory.mktemp("synthetic")
    for seed in range(3):
        synthetic = generate_photo(seed, SIZE)
        write_png(folder / "images" / f"eye{seed}.png", synthetic.photo)
        write_png(folder / "masks" / f"eye{seed}.png", synthetic.truth)
        write_png(folder / "fov" / f"eye{seed}.png", synthetic.fov)
    return folder


@pytest.fixture
def pairs(synthetic_pairs: Path, tmp_path: Path) -> Path:
    """Copy of `synthetic_pairs` that a test may damage."""
    return shutil.copytree(synthetic_pairs, tmp_path / "pairs")


def evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["evaluate", "--threads", "1", *map(str, arguments)])


def test_json_is_the_only_output(tiny_model: Path, pairs: Path) -> None:
    data = ("--data", f"pairs:{pairs}", "--data", "synthetic:1")
    result = evaluate("--model", tiny_model, *data, "--runtime", "onnxruntime", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    record = json.loads(result.stdout)
    data_sets = record.pop("data_sets")
    assert record == {
        "model": "tiny",
        "precision": "fp32",
        "runtime": "onnxruntime",
        "protocol": "native",
    }
    assert [(d["name"], d["split"], d["scored"], d["failed"]) for d in data_sets] == [
        ("pairs", "test", 3, 0),
        ("synthetic", "test", 1, 0),
    ]
    photographs = data_sets[0]["photographs"]
    assert [photograph["name"] for photograph in photographs] == ["eye0", "eye1", "eye2"]
    for score in HEADINGS:
        mean = np.mean([photograph[score] for photograph in photographs])
        assert data_sets[0][f"{score}_mean"] == pytest.approx(mean)


def test_json_is_identical_in_a_second_run(tiny_model: Path, pairs: Path) -> None:
    arguments = ("--model", tiny_model, "--data", f"pairs:{pairs}", "--json")
    assert evaluate(*arguments).stdout == evaluate(*arguments).stdout


def test_table_lists_photographs_and_means(tiny_model: Path, pairs: Path) -> None:
    result = evaluate("--model", tiny_model, "--data", f"pairs:{pairs}", "--protocol", "reference")
    assert (result.exit_code, result.stderr) == (0, "")
    assert all(f"eye{k}" in result.stdout for k in range(3))
    assert "pairs test (3)" in result.stdout
    assert "reference protocol, threshold 0.5" in result.stdout


def test_failed_photograph_is_reported_with_exit_code_3(tiny_model: Path, pairs: Path) -> None:
    truncated = pairs / "images" / "eye1.png"
    truncated.write_bytes(truncated.read_bytes()[: truncated.stat().st_size // 2])
    write_png(pairs / "images" / "eye2.png", np.zeros((SIZE, SIZE, 3), np.uint8))
    figures = pairs.parent / "figures"
    data = ("--data", f"pairs:{pairs}")
    result = evaluate("--model", tiny_model, *data, "--json", "--figures", figures)
    assert result.exit_code == 3
    (data_set,) = json.loads(result.stdout)["data_sets"]
    assert (data_set["scored"], data_set["failed"]) == (1, 2)
    assert data_set["dice_mean"] == data_set["photographs"][0]["dice"]
    assert data_set["photographs"][1]["dice"] is None
    assert "eye1.png" in data_set["photographs"][1]["status"]
    lines = result.stderr.splitlines()
    assert lines[0].startswith("edgeseg: pairs eye1: ")
    assert lines[1].startswith("edgeseg: pairs eye2: ")
    assert "2 of 3" in lines[2]
    assert [file.name for file in figures.iterdir()] == ["pairs_eye0.png"]


def test_figures_show_photograph_and_error_map(
    tiny_model: Path, pairs: Path, tmp_path: Path
) -> None:
    figures = tmp_path / "new" / "figures"
    result = evaluate("--model", tiny_model, "--data", f"pairs:{pairs}", "--figures", figures)
    assert result.exit_code == 0
    names = sorted(file.name for file in figures.iterdir())
    assert names == ["pairs_eye0.png", "pairs_eye1.png", "pairs_eye2.png"]
    figure = read_photo(figures / "pairs_eye0.png")
    assert figure.shape == (SIZE, 2 * SIZE, 3)
    assert (figure[:, :SIZE] == read_photo(pairs / "images" / "eye0.png")).all()
    colours = np.unique(figure[:, SIZE:].reshape(-1, 3), axis=0)
    assert len(colours) == 4


def test_figures_with_equal_names_are_rejected(
    tiny_model: Path, pairs: Path, tmp_path: Path
) -> None:
    arguments = ("--model", tiny_model, "--data", f"pairs:{pairs}", "--data", f"pairs:{pairs}")
    result = evaluate(*arguments, "--figures", tmp_path / "figures")
    assert result.exit_code == 2
    assert "pairs_eye0.png" in result.stderr
    assert not (tmp_path / "figures").exists()
    assert evaluate(*arguments).exit_code == 0


def test_notice_on_the_split_goes_to_standard_error(tiny_model: Path, pairs: Path) -> None:
    data = ("--data", f"pairs:{pairs}", "--split", "validation")
    result = evaluate("--model", tiny_model, *data, "--json")
    assert result.exit_code == 0
    assert "split.csv" in result.stderr
    assert json.loads(result.stdout)["data_sets"][0]["split"] == "validation"


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        ([], 2, "--data"),
        (["--data", "kaggle:x"], 2, "drive:DIR"),
        (["--data", "drive"], 2, "drive:DIR"),
        (["--data", "drive:nowhere"], 7, "nowhere"),
        (["--data", "synthetic:1", "--model", "nowhere.onnx"], 6, "nowhere.onnx"),
        (["--data", "synthetic:1", "--model", "nosuch"], 6, "nosuch"),
        (["--data", "synthetic:1", "--threads", "0"], 2, "--threads"),
        (["--data", "synthetic:1", "--protocol", "other"], 2, "native"),
        (["--data", "synthetic:1", "--split", "dev"], 2, "validation"),
        (["--data", "synthetic:1", "--precision", "fp64"], 2, "fp16w"),
    ],
)
def test_invalid_arguments_are_rejected_with_documented_exit_code(
    arguments: Sequence[str], code: int, fragment: str
) -> None:
    result = evaluate(*arguments)
    assert result.exit_code == code
    assert fragment in result.stderr
    assert not result.stdout
    assert "Traceback" not in result.stderr


def test_missing_precision_is_rejected_with_available_ones(tiny_model: Path) -> None:
    result = evaluate("--data", "synthetic:1", "--model", tiny_model, "--precision", "int8")
    assert result.exit_code == 6
    assert "fp32" in result.stderr


def test_option_values_match_the_api_types() -> None:
    assert get_args(PrecisionChoice) == PRECISIONS
    assert get_args(RuntimeChoice) == RUNTIMES
    assert get_args(SplitChoice) == SPLITS


@pytest.mark.parametrize("command", ["evaluate", "info"])
def test_help_does_not_load_heavy_packages(command: str) -> None:
    program = (
        "import sys; from edgeseg.cli import cli\n"
        f"try: cli(['{command}', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(','.join({'cv2', 'numpy', 'onnxruntime'} & set(sys.modules)) or None)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--json" in done.stdout


@pytest.mark.slow
def test_drive_is_evaluated_in_its_published_layout(tiny_model: Path, data_root: Path) -> None:
    result = evaluate("--model", tiny_model, "--data", f"drive:{data_root / 'DRIVE'}", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    (data_set,) = json.loads(result.stdout)["data_sets"]
    assert (data_set["scored"], data_set["failed"]) == (20, 0)
    names = [photograph["name"] for photograph in data_set["photographs"]]
    assert names == [f"{k:02d}_test" for k in range(1, 21)]
