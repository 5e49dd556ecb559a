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
from edgeseg.imaging.photo import encode_png, read_photo
from edgeseg.models.catalog import PrecisionChoice
from edgeseg.runtimes.base import RuntimeChoice
from edgeseg.synthetic import generate_photo

SIZE = 256


@pytest.fixture(scope="module")
def drawn_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own `pairs` folder: three drawn photographs."""
    folder = tmp_path_factory.mktemp("drawn")
    for seed in range(3):
        drawn = generate_photo(seed, SIZE)
        _write(folder / "images" / f"eye{seed}.png", drawn.photo)
        _write(folder / "masks" / f"eye{seed}.png", drawn.truth)
        _write(folder / "fov" / f"eye{seed}.png", drawn.fov)
    return folder


@pytest.fixture
def own(drawn_pairs: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return shutil.copytree(drawn_pairs, tmp_path / "own")


def _write(file: Path, picture: Mask) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encode_png(picture))


def _command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["evaluate", "--threads", "1", *map(str, arguments)])


# The command


def test_json_is_one_object_and_nothing_else(tiny_model: Path, own: Path) -> None:
    result = _command(
        "--model",
        tiny_model,
        "--data",
        f"pairs:{own}",
        "--data",
        "synthetic:1",
        "--runtime",
        "onnxruntime",
        "--json",
    )
    assert (result.exit_code, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    assert list(told) == ["model", "precision", "runtime", "protocol", "data_sets"]
    assert (told["model"], told["precision"], told["runtime"], told["protocol"]) == (
        "tiny",
        "fp32",
        "onnxruntime",
        "native",
    )
    assert [(d["name"], d["split"], d["scored"], d["failed"]) for d in told["data_sets"]] == [
        ("pairs", "test", 3, 0),
        ("synthetic", "test", 1, 0),
    ]
    photographs = told["data_sets"][0]["photographs"]
    assert [p["name"] for p in photographs] == ["eye0", "eye1", "eye2"]
    for score in HEADINGS:
        assert told["data_sets"][0][f"{score}_mean"] == pytest.approx(
            np.mean([p[score] for p in photographs])
        )


def test_the_same_twice_to_the_last_bit(tiny_model: Path, own: Path) -> None:
    arguments = ("--model", tiny_model, "--data", f"pairs:{own}", "--json")
    assert _command(*arguments).stdout == _command(*arguments).stdout


def test_the_table_tells_photographs_and_means(tiny_model: Path, own: Path) -> None:
    result = _command("--model", tiny_model, "--data", f"pairs:{own}", "--protocol", "reference")
    assert (result.exit_code, result.stderr) == (0, "")
    assert all(f"eye{k}" in result.stdout for k in range(3))
    assert "pairs test (3)" in result.stdout
    assert "reference protocol, threshold 0.5" in result.stdout


def test_a_bad_photograph_is_told_and_the_exit_code_is_three(tiny_model: Path, own: Path) -> None:
    whole = (own / "images" / "eye1.png").read_bytes()
    (own / "images" / "eye1.png").write_bytes(whole[: len(whole) // 2])
    _write(own / "images" / "eye2.png", np.zeros((SIZE, SIZE, 3), np.uint8))
    figures = own.parent / "figures"
    result = _command(
        "--model", tiny_model, "--data", f"pairs:{own}", "--json", "--figures", figures
    )
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


def test_figures_show_the_photograph_beside_found_false_and_missed(
    tiny_model: Path, own: Path, tmp_path: Path
) -> None:
    figures = tmp_path / "new" / "figures"
    result = _command("--model", tiny_model, "--data", f"pairs:{own}", "--figures", figures)
    assert result.exit_code == 0
    assert sorted(file.name for file in figures.iterdir()) == [
        f"pairs_eye{k}.png" for k in range(3)
    ]
    picture, photo = read_photo(figures / "pairs_eye0.png"), read_photo(own / "images" / "eye0.png")
    assert (picture[:, :SIZE] == photo).all()
    assert picture.shape == (SIZE, 2 * SIZE, 3)
    assert len(np.unique(picture[:, SIZE:].reshape(-1, 3), axis=0)) == 4


def test_two_photographs_that_would_write_one_figure_stop_the_run(
    tiny_model: Path, own: Path, tmp_path: Path
) -> None:
    twice = ("--model", tiny_model, "--data", f"pairs:{own}", "--data", f"pairs:{own}")
    result = _command(*twice, "--figures", tmp_path / "figures")
    assert result.exit_code == 2
    assert "pairs_eye0.png" in result.stderr
    assert not (tmp_path / "figures").exists()
    assert _command(*twice).exit_code == 0


def test_how_a_split_was_made_goes_to_standard_error(tiny_model: Path, own: Path) -> None:
    result = _command(
        "--model", tiny_model, "--data", f"pairs:{own}", "--split", "validation", "--json"
    )
    assert result.exit_code == 0
    assert "no split.csv" in result.stderr
    assert json.loads(result.stdout)["data_sets"][0]["split"] == "validation"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
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
def test_wrong_use_is_told_in_plain_words(arguments: Sequence[str], code: int, said: str) -> None:
    result = _command(*arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert not result.stdout
    assert "Traceback" not in result.stderr


def test_a_precision_that_is_not_there_is_refused(tiny_model: Path) -> None:
    result = _command("--data", "synthetic:1", "--model", tiny_model, "--precision", "int8")
    assert result.exit_code == 6
    assert "there is fp32" in result.stderr


def test_the_options_words_are_those_of_the_interfaces() -> None:
    assert get_args(PrecisionChoice) == PRECISIONS
    assert get_args(RuntimeChoice) == RUNTIMES
    assert get_args(SplitChoice) == SPLITS


@pytest.mark.parametrize("verb", ["evaluate", "info"])
def test_help_loads_nothing_heavy(verb: str) -> None:
    probe = (
        "import sys; from edgeseg.cli import cli\n"
        f"try: cli(['{verb}', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(','.join({'cv2', 'numpy', 'onnxruntime'} & set(sys.modules)) or None)"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-c", probe],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--json" in done.stdout


# Real photographs


def test_drive_in_its_published_layout(tiny_model: Path, data_root: Path) -> None:
    result = _command("--model", tiny_model, "--data", f"drive:{data_root / 'DRIVE'}", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    (data_set,) = json.loads(result.stdout)["data_sets"]
    assert (data_set["scored"], data_set["failed"]) == (20, 0)
    assert [p["name"] for p in data_set["photographs"]] == [f"{k:02d}_test" for k in range(1, 21)]
