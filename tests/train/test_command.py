"""Command `edgeseg train`: invalid arguments, `--list`, contact sheet and training run."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.photo import read_photo
from edgeseg.synthetic import generate_photo
from edgeseg_train.checkpoint import load_checkpoint


def train(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["train", *map(str, arguments)])


def write_pairs(folder: Path, seeds: range, size: int) -> str:
    for part in ("images", "masks", "fov"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        synthetic = generate_photo(seed, size)
        for part, picture in (
            ("images", synthetic.photo),
            ("masks", synthetic.truth),
            ("fov", synthetic.fov),
        ):
            (folder / part / f"{seed:03}.png").write_bytes(encode_png(picture))
    return f"pairs:{folder}"


@pytest.mark.slow
def test_train_list_prints_complexity_of_each_architecture() -> None:
    result = train("--list")
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.output.splitlines()}
    assert (
        "63.90 M parameters" in lines["resunet-deeper"]
        and "389.03 GMAC at 512" in lines["resunet-deeper"]
    )
    assert {"tiny", "compact"} <= set(lines)


def test_train_show_augmentations_writes_contact_sheet(tmp_path: Path) -> None:
    data, sheet = write_pairs(tmp_path, range(2), 128), tmp_path / "sheet.png"
    options = ["--arch", "tiny", "--size", "128", "--crop", "64"]
    result = train("--data", data, *options, "--show-augmentations", sheet)
    assert result.exit_code == 0, result.output
    height, width, _ = read_photo(sheet).shape
    # The rows are the original, thirteen transforms, and all transforms together. The columns are a
    # title and six crops.
    assert (height, width) == (15 * 64, 7 * 64)


OUT = ["--data", "drive:DIR", "--out", "OUT"]
EPOCH = [*OUT, "--epochs", "1"]


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (["--data", "drive:DIR", "--epochs", "1"], 2, "--out"),
        (OUT, 2, "--epochs"),
        ([*EPOCH, "--minutes", "1"], 2, "--epochs"),
        (EPOCH, 7, "DRIVE"),
        (["--data", "drive:nowhere", "--out", "OUT", "--epochs", "1"], 7, "nowhere"),
        (["--data", "moon:DIR", "--out", "OUT", "--epochs", "1"], 2, "moon"),
        ([*EPOCH, "--arch", "vast"], 6, "compact"),
        ([*EPOCH, "--size", "650"], 2, "multiple of 32"),
        ([*EPOCH, "--size", "32"], 2, "--size 32"),
        ([*EPOCH, "--loss", "nan", "1", "1"], 2, "--loss"),
        ([*EPOCH, "--loss", "inf", "1", "1"], 2, "--loss"),
        ([*EPOCH, "--learning-rate", "nan"], 2, "--learning-rate"),
        ([*OUT, "--minutes", "nan"], 2, "--minutes"),
        ([*OUT, "--minutes", "inf"], 2, "--minutes"),
        ([*EPOCH, "--simulated-cameras", "2"], 2, "--simulated-cameras"),
        ([*EPOCH, "--freeze-statistics"], 2, "--start"),
        ([*EPOCH, "--freeze-statistics", "--resume"], 2, "--start"),
        ([*EPOCH, "--size", "640", "--size", "1024"], 2, "--size"),
    ],
)
def test_train_with_invalid_arguments_exits_with_code(
    tmp_path: Path, arguments: list[str], code: int, fragment: str
) -> None:
    (tmp_path / "DIR").mkdir()
    values = {
        "OUT": str(tmp_path / "OUT"),
        "drive:DIR": f"drive:{tmp_path / 'DIR'}",
        "moon:DIR": "moon:x",
    }
    result = train(*[values.get(argument, argument) for argument in arguments])
    assert result.exit_code == code, result.output
    assert fragment in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1 or code == 2


def test_train_with_invalid_pair_names_the_file(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "data", range(3), 96)
    (tmp_path / "data" / "masks" / "001.png").unlink()
    result = train("--data", data, "--out", tmp_path / "out", "--epochs", "1")
    assert result.exit_code == 7 and "001.png" in result.stderr and "mask" in result.stderr
    (tmp_path / "data" / "masks" / "001.png").write_bytes(encode_png(generate_photo(1, 80).truth))
    result = train("--data", data, "--out", tmp_path / "out", "--epochs", "1")
    assert result.exit_code == 7 and "80x80" in result.stderr and "96x96" in result.stderr


def test_train_with_too_few_minutes_is_rejected(tmp_path: Path) -> None:
    out = tmp_path / "out"
    data = write_pairs(tmp_path / "data", range(3), 96)
    result = train(
        "--data", data, "--out", out, "--arch", "tiny", "--size", "96", "--minutes", "1e-6"
    )
    assert result.exit_code == 2 and "--minutes" in result.stderr
    assert not list(out.glob("*.pt"))


def test_train_with_soft_labels_records_them_as_training_data(
    tmp_path: Path, small_pairs: str
) -> None:
    out = tmp_path / "out"
    options = ["--arch", "tiny", "--size", "96", "--crop", "64", "--arithmetic", "float32"]
    soft = ["--soft-labels", small_pairs.removeprefix("pairs:"), "--simulated-cameras", "0.5"]
    result = train("--data", small_pairs, *soft, "--out", out, "--epochs", "1", *options)
    assert result.exit_code == 0, result.output
    data = {
        entry.name: entry.photographs for entry in load_checkpoint(out / "best.pt").training_data
    }
    assert data == {"pairs": 3, "soft labels": 4}


@pytest.mark.slow
def test_train_reaches_dice_on_synthetic_photographs(tmp_path: Path) -> None:
    """The Dice reaches 0.7 on unseen synthetic photographs within two minutes on a slow core."""
    data = write_pairs(tmp_path / "data", range(100, 120), 384)
    small = ["--arch", "tiny", "--size", "384", "--crop", "128", "--arithmetic", "float32"]
    result = train("--data", data, "--out", tmp_path / "out", "--epochs", "70", *small)
    assert result.exit_code == 0, result.output
    best = str(tmp_path / "out" / "best.pt")
    assert result.stdout.strip() == best
    assert result.stderr.splitlines()[-1] == f"Next: edgeseg convert {best}"
    rows = list(csv.DictReader((tmp_path / "out" / "log.csv").read_text().splitlines()))
    assert max(float(row["validation_dice"]) for row in rows if row["validation_dice"]) >= 0.7
