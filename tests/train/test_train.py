"""`edgeseg train`, as a user calls it: wrong calls, the list, the contact sheet, and that it learns."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.imaging.photo import encode_png, read_photo
from edgeseg.synthetic import generate_photo


def train(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["train", *map(str, arguments)])


def lay_out(folder: Path, seeds: range, size: int) -> str:
    for part in ("images", "masks", "fov"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        drawn = generate_photo(seed, size)
        for part, picture in (("images", drawn.photo), ("masks", drawn.truth), ("fov", drawn.fov)):
            (folder / part / f"{seed:03}.png").write_bytes(encode_png(picture))
    return f"pairs:{folder}"


def test_the_list_shows_what_each_architecture_costs() -> None:
    done = train("--list")
    assert done.exit_code == 0
    lines = {line.split()[0]: line for line in done.output.splitlines()}
    assert (
        "63.90 M parameters" in lines["resunet-deeper"]
        and "389.03 GMAC at 512" in lines["resunet-deeper"]
    )
    assert {"tiny", "compact"} <= set(lines)


def test_the_contact_sheet(tmp_path: Path) -> None:
    data, sheet = lay_out(tmp_path, range(2), 128), tmp_path / "sheet.png"
    done = train(
        "--data",
        data,
        "--arch",
        "tiny",
        "--size",
        "128",
        "--crop",
        "64",
        "--show-augmentations",
        sheet,
    )
    assert done.exit_code == 0, done.output
    height, width, _ = read_photo(sheet).shape
    assert (height, width) == (
        15 * 64,
        7 * 64,
    )  # as it is, thirteen alone, all together; a title and six crops


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--data", "drive:DIR"], 2, "--out"),
        (["--data", "drive:DIR", "--out", "OUT"], 2, "--epochs"),
        (["--data", "drive:DIR", "--out", "OUT", "--epochs", "1", "--minutes", "1"], 2, "--epochs"),
        (["--data", "drive:DIR", "--out", "OUT", "--epochs", "1"], 7, "DRIVE"),
        (["--data", "drive:nowhere", "--out", "OUT", "--epochs", "1"], 7, "nowhere"),
        (["--data", "moon:DIR", "--out", "OUT", "--epochs", "1"], 2, "moon"),
        (["--data", "drive:DIR", "--out", "OUT", "--epochs", "1", "--arch", "vast"], 6, "compact"),
        (
            ["--data", "drive:DIR", "--out", "OUT", "--epochs", "1", "--size", "650"],
            2,
            "multiple of 32",
        ),
        (
            ["--data", "drive:DIR", "--out", "OUT", "--epochs", "1", "--loss", "nan", "1", "1"],
            2,
            "--loss",
        ),
        (
            ["--data", "drive:DIR", "--out", "OUT", "--epochs", "1", "--loss", "inf", "1", "1"],
            2,
            "--loss",
        ),
        (
            ["--data", "drive:DIR", "--out", "OUT", "--epochs", "1", "--learning-rate", "nan"],
            2,
            "no number",
        ),
        (["--data", "drive:DIR", "--out", "OUT", "--minutes", "nan"], 2, "no number"),
        (
            [
                "--data",
                "drive:DIR",
                "--out",
                "OUT",
                "--epochs",
                "1",
                "--size",
                "640",
                "--size",
                "1024",
            ],
            2,
            "one name",
        ),
    ],
)
def test_wrong_calls(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    (tmp_path / "DIR").mkdir()
    places = {
        "OUT": str(tmp_path / "OUT"),
        "drive:DIR": f"drive:{tmp_path / 'DIR'}",
        "moon:DIR": "moon:x",
    }
    done = train(*[places.get(argument, argument) for argument in arguments])
    assert done.exit_code == code, done.output
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 or code == 2


def test_bad_data_is_named_before_a_step_is_made(tmp_path: Path) -> None:
    data = lay_out(tmp_path / "data", range(3), 96)
    (tmp_path / "data" / "masks" / "001.png").unlink()
    done = train("--data", data, "--out", tmp_path / "out", "--epochs", "1")
    assert done.exit_code == 7 and "001.png" in done.stderr and "mask" in done.stderr
    (tmp_path / "data" / "masks" / "001.png").write_bytes(encode_png(generate_photo(1, 80).truth))
    done = train("--data", data, "--out", tmp_path / "out", "--epochs", "1")
    assert done.exit_code == 7 and "80x80" in done.stderr and "96x96" in done.stderr


def test_minutes_without_room_for_a_step_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    data = lay_out(tmp_path / "data", range(3), 96)
    done = train(
        "--data", data, "--out", out, "--arch", "tiny", "--size", "96", "--minutes", "0.001"
    )
    assert done.exit_code == 2 and "before the first step" in done.stderr
    assert not list(out.glob("*.pt"))


def test_it_learns(tmp_path: Path) -> None:
    """Dice 0.7 on drawn photographs that it has not seen, within two minutes of one slow core."""
    data = lay_out(tmp_path / "data", range(100, 120), 384)
    small = ["--arch", "tiny", "--size", "384", "--crop", "128", "--arithmetic", "float32"]
    done = train("--data", data, "--out", tmp_path / "out", "--epochs", "70", *small)
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader((tmp_path / "out" / "log.csv").read_text().splitlines()))
    assert max(float(row["validation_dice"]) for row in rows if row["validation_dice"]) >= 0.7
