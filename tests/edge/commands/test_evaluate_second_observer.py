"""`edgeseg evaluate --second-observer`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.imaging.encoder import encode_png
from edgeseg.synthetic import generate_photo


def evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["evaluate", "--second-observer", *map(str, arguments)])


@pytest.fixture
def observed_twice(tmp_path: Path) -> Path:
    """CHASE_DB1 folder in which the second observer marked only the upper half of the vessels."""
    synthetic = generate_photo(4, 256)
    upper_half = synthetic.truth.copy()
    upper_half[128:] = 0
    # This is a PNG file with the suffix .jpg. The format is detected from the content.
    (tmp_path / "Image_11L.jpg").write_bytes(encode_png(synthetic.photo))
    (tmp_path / "Image_11L_1stHO.png").write_bytes(encode_png(synthetic.truth))
    (tmp_path / "Image_11L_2ndHO.png").write_bytes(encode_png(upper_half))
    return tmp_path


@pytest.mark.parametrize("protocol", ["native", "reference", "reference-aligned"])
def test_vessels_missed_by_second_observer_lower_sensitivity(
    observed_twice: Path, protocol: str
) -> None:
    result = evaluate("--json", "--protocol", protocol, "--data", f"chasedb1:{observed_twice}")
    assert result.exit_code == 0
    record = json.loads(result.stdout)
    assert (record["model"], record["precision"], record["runtime"]) == ("second-observer", "", "")
    (photograph,) = record["data_sets"][0]["photographs"]
    vessels = generate_photo(4, 256).truth > 0
    marked = vessels[:128].sum() / vessels.sum()
    tolerance = 0.02 if protocol == "native" else 0.15
    assert photograph["sensitivity"] == pytest.approx(marked, abs=tolerance)
    assert photograph["specificity"] > (0.9999 if protocol == "native" else 0.95)
    assert photograph["auc"] is None


def test_table_shows_neither_runtime_nor_threshold(observed_twice: Path) -> None:
    output = evaluate("--data", f"chasedb1:{observed_twice}").stdout
    assert "second-observer, native protocol" in output
    assert "threshold" not in output


def test_photograph_without_second_mask_is_not_scored(observed_twice: Path) -> None:
    (observed_twice / "Image_11L_2ndHO.png").unlink()
    result = evaluate("--data", f"chasedb1:{observed_twice}")
    assert result.exit_code == 3
    assert "Image_11L_2ndHO.png" in result.stderr
    result = evaluate("--data", "synthetic:1")
    assert result.exit_code == 3
    assert "second observer" in result.stderr


@pytest.mark.parametrize(
    "option", [("--model", "default"), ("--threads", "1"), ("--precision", "fp32")]
)
def test_model_options_are_rejected(observed_twice: Path, option: tuple[str, str]) -> None:
    result = evaluate("--data", f"chasedb1:{observed_twice}", *option)
    assert result.exit_code == 2
    assert option[0] in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "native", "aligned", "reference"),
    [
        ("drive:DRIVE", 0.788, 0.775, 0.727),
        ("stare:STARE", 0.740, 0.751, 0.705),
        ("chasedb1:CHASEDB1", 0.798, 0.789, 0.750),
    ],
)
def test_second_observers_reach_their_published_dice(
    data_root: Path, spec: str, native: float, aligned: float, reference: float
) -> None:
    """The half-pixel shift is the only difference between `reference-aligned` and `reference`."""
    name, folder = spec.split(":")
    expected = {"native": native, "reference-aligned": aligned, "reference": reference}
    for protocol, dice in expected.items():
        data = f"{name}:{data_root / folder}"
        result = evaluate("--json", "--protocol", protocol, "--data", data)
        assert result.exit_code == 0
        dice_mean = json.loads(result.stdout)["data_sets"][0]["dice_mean"]
        assert dice_mean == pytest.approx(dice, abs=0.001)
