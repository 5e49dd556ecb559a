"""A second human observer, scored as a model is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.imaging.arrays import Mask
from edgeseg.imaging.photo import encode_png
from edgeseg.synthetic import generate_photo


def evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["evaluate", "--second-observer", *map(str, arguments)])


def write(file: Path, picture: Mask) -> None:
    file.write_bytes(encode_png(picture))


@pytest.fixture
def observed_twice(tmp_path: Path) -> Path:
    """A folder in the layout of CHASE_DB1: the second observer missed a half of the vessels, and invented none."""
    drawn = generate_photo(4, 256)
    half = drawn.truth.copy()
    half[128:] = 0
    write(tmp_path / "Image_11L.jpg", drawn.photo)  # its name decides nothing, its bytes do
    write(tmp_path / "Image_11L_1stHO.png", drawn.truth)
    write(tmp_path / "Image_11L_2ndHO.png", half)
    return tmp_path


@pytest.mark.parametrize("protocol", ["native", "reference", "reference-aligned"])
def test_what_a_second_observer_missed_is_counted(observed_twice: Path, protocol: str) -> None:
    done = evaluate("--json", "--protocol", protocol, "--data", f"chasedb1:{observed_twice}")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert (told["model"], told["precision"], told["runtime"]) == ("second-observer", "", "")
    (photograph,) = told["data_sets"][0]["photographs"]
    missed = (np.asarray(generate_photo(4, 256).truth)[128:] > 0).sum() / (
        generate_photo(4, 256).truth > 0
    ).sum()
    assert photograph["sensitivity"] == pytest.approx(
        1 - missed, abs=0.02 if protocol == "native" else 0.15
    )
    assert photograph["specificity"] > (0.9999 if protocol == "native" else 0.95)
    assert photograph["auc"] is None


def test_the_table_names_no_runtime_and_no_threshold(observed_twice: Path) -> None:
    said = evaluate("--data", f"chasedb1:{observed_twice}").stdout
    assert "second-observer, native protocol" in said
    assert "threshold" not in said


def test_photographs_that_were_marked_once_are_not_scored(observed_twice: Path) -> None:
    (observed_twice / "Image_11L_2ndHO.png").unlink()
    done = evaluate("--data", f"chasedb1:{observed_twice}")
    assert done.exit_code == 3
    assert "no mask of a second observer" in done.stderr
    assert "Image_11L_2ndHO.png" in done.stderr
    done = evaluate("--data", "synthetic:1")
    assert done.exit_code == 3
    assert "no mask of a second observer" in done.stderr


@pytest.mark.parametrize(
    "option", [("--model", "default"), ("--threads", "1"), ("--precision", "fp32")]
)
def test_a_model_and_a_human_exclude_each_other(
    observed_twice: Path, option: tuple[str, str]
) -> None:
    done = evaluate("--data", f"chasedb1:{observed_twice}", *option)
    assert done.exit_code == 2
    assert option[0] in done.stderr


@pytest.mark.parametrize(
    ("spec", "native", "aligned", "reference"),
    [
        ("drive:DRIVE", 0.788, 0.775, 0.727),
        ("stare:STARE", 0.740, 0.751, 0.705),
        ("chasedb1:CHASEDB1", 0.798, 0.789, 0.750),
    ],
)
def test_the_published_second_observers(
    data_root: Path, spec: str, native: float, aligned: float, reference: float
) -> None:
    """As published; and what half a pixel costs whoever draws vessels where they are."""
    name, folder = spec.split(":")
    for protocol, expected in (
        ("native", native),
        ("reference-aligned", aligned),
        ("reference", reference),
    ):
        done = evaluate("--json", "--protocol", protocol, "--data", f"{name}:{data_root / folder}")
        assert done.exit_code == 0
        assert json.loads(done.stdout)["data_sets"][0]["dice_mean"] == pytest.approx(
            expected, abs=0.001
        )
