"""Resuming of `edgeseg run`: the results are equal to the results of an uninterrupted run."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.file_text import read_file_text
from edgeseg.models.checksum import CHECKSUM_BYTES, append_checksum
from edgeseg.synthetic import generate_photo
from edgeseg.system.files import remove_stale_temporaries, temporary_beside

COUNT = 24


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    eyes = [generate_photo(seed, 200).photo for seed in range(4)]
    for number in range(COUNT):
        (folder / f"eye{number}.png").write_bytes(
            encode_png(eyes[number % 4], {"Title": f"eye {number}"})
        )
    return folder


@pytest.fixture(scope="module")
def undisturbed(
    tiny_model: Path, photographs: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(tiny_model, photographs, "-o", folder).exit_code == 0
    return contents(folder)


def run(model: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["run", "--model", str(model), *map(str, arguments)])


def start(model: Path, *arguments: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edgeseg", "run", "--model", str(model), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.slow
def test_resume_after_kills_gives_files_of_uninterrupted_run(
    tiny_model: Path, photographs: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    chance, out, reached = random.Random(0), tmp_path / "out", 0
    for _ in range(4):
        with start(tiny_model, photographs, "-o", out, "--resume") as process:
            wanted = reached + chance.randrange(1, 12)
            while (
                process.poll() is None
                and (reached := len(list(out.glob("eye*")) if out.exists() else [])) < wanted
            ):
                time.sleep(chance.random() / 100)
            process.kill()
    assert reached > 0
    done = run(tiny_model, photographs, "-o", out, "--resume")
    assert done.exit_code == 0, done.output
    assert contents(out) == undisturbed


def test_two_runs_into_one_folder_give_files_of_one_run(
    tiny_model: Path, photographs: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    runs = [start(tiny_model, photographs, "-o", tmp_path / "out", "--resume") for _ in range(2)]
    assert [process.wait(timeout=120) for process in runs] == [0, 0]
    assert contents(tmp_path / "out") == undisturbed


def test_resume_repeats_only_missing_or_changed_results(
    tiny_model: Path, photographs: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes((photographs / f"eye{number}.png").read_bytes())

    def done_again(*options: str) -> int:
        done = run(tiny_model, folder, "-o", out, *options)
        assert done.exit_code == 0, done.output
        return len(done.stdout.splitlines())

    assert done_again() == 3
    assert done_again("--resume") == 0
    assert done_again() == 3
    (out / "1_overlay.jpg").unlink()
    assert done_again("--resume") == 1
    (folder / "2.png").write_bytes((photographs / "eye3.png").read_bytes())
    assert done_again("--resume") == 1
    (out / "0_vessels.png").write_bytes((out / "0_vessels.png").read_bytes()[:-1])
    assert done_again("--resume") == 1
    assert done_again("--resume", "--threshold", "0.3") == 3
    assert done_again("--resume", "--threshold", "0.3", "--probability") == 3
    assert done_again("--resume", "--threshold", "0.3", "--probability") == 0


def test_resume_of_two_fields_returns_both_records(tiny_model: Path, tmp_path: Path) -> None:
    pair = np.hstack([generate_photo(0, 200).photo, generate_photo(1, 200).photo])
    (tmp_path / "pair.png").write_bytes(encode_png(pair))
    arguments = (tiny_model, tmp_path / "pair.png", "-o", tmp_path / "out", "--json")
    first, second = [
        [json.loads(line) for line in run(*arguments, *options).stdout.splitlines()]
        for options in ((), ("--resume",))
    ]
    assert [(record["fov_index"], record["fov_count"]) for record in first] == [(1, 2), (2, 2)]
    assert first[0]["fov_x"] < 200 <= first[1]["fov_x"]
    assert [record["reused"] for record in second] == [True, True]
    for before, after in zip(first, second, strict=True):
        assert before["vessel_density"] == after["vessel_density"]
        assert before["fov_x"] == after["fov_x"]


def test_resume_with_other_model_repeats_photograph(
    tiny_model: Path, photographs: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.fp32.onnx"
    without_checksum = tiny_model.read_bytes()[:-CHECKSUM_BYTES]
    other.write_bytes(append_checksum(without_checksum + b"\x72\x00"))  # an empty metadata entry
    photograph = photographs / "eye0.png"
    assert run(tiny_model, photograph, "-o", tmp_path / "out").exit_code == 0
    done = run(other, photograph, "-o", tmp_path / "out", "--resume")
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 1


def test_stale_temporaries_are_removed_and_open_ones_stay(
    tmp_path: Path,
) -> None:
    left = tmp_path / ".edgeseg-0123456789abcdef.tmp"
    left.write_bytes(b"half")
    (tmp_path / ".other.tmp").touch()
    (tmp_path / ".edgeseg-notes.txt").write_text("the user's own")
    (tmp_path / ".edgeseg-0123456789abcdef.tmp.bak").mkdir()
    os.mkfifo(tmp_path / ".edgeseg-x")
    os.mkfifo(tmp_path / ".edgeseg-fedcba9876543210.tmp")
    others = {file.name for file in tmp_path.iterdir()} - {left.name}
    with temporary_beside(tmp_path / "a.png") as (temporary, _):
        remove_stale_temporaries(tmp_path)
        assert {file.name for file in tmp_path.iterdir()} == {temporary.name, *others}
    remove_stale_temporaries(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == others


def test_run_removes_stale_temporaries(tiny_model: Path, photographs: Path, tmp_path: Path) -> None:
    (tmp_path / ".edgeseg-0123456789abcdef.tmp").write_bytes(b"half")
    (tmp_path / ".edgeseg-0123456789abcdef.tmp.mp4").write_bytes(b"half")
    assert run(tiny_model, photographs / "eye0.png", "-o", tmp_path).exit_code == 0
    assert {file.name for file in tmp_path.iterdir()} == {"eye0_vessels.png", "eye0_overlay.jpg"}


def test_png_texts_are_read_back_by_edgeseg_and_pillow(tmp_path: Path) -> None:
    image = generate_photo(0, 64).photo
    file = tmp_path / "a.png"
    texts = {"edgeseg:photograph": "ab" * 32, "Comment": "größe"}
    file.write_bytes(encode_png(image, texts))
    assert read_file_text(file) == texts
    pillow = pytest.importorskip("PIL.Image", reason="Pillow reads PNG text")
    with pillow.open(file) as image:
        assert image.text == texts
    file.write_bytes(file.read_bytes()[:-5])
    assert read_file_text(file) == {} == read_file_text(tmp_path / "none.png")
    file.write_bytes(os.urandom(40))
    assert read_file_text(file) == {}


@pytest.mark.parametrize("name", ["eye0_vessels.png", "eye0_overlay.jpg"])
@pytest.mark.parametrize("damage", ["flipped", "missing", "zeroed"])
def test_resume_with_damaged_pixels_repeats_photograph(
    tiny_model: Path, photographs: Path, tmp_path: Path, name: str, damage: str
) -> None:
    photograph = photographs / "eye0.png"
    assert run(tiny_model, photograph, "-o", tmp_path).exit_code == 0
    file = tmp_path / name
    original = file.read_bytes()
    position = len(original) - 60  # position in the pixel data
    tail = original[position + 8 :]
    replacements = {
        "flipped": bytes([original[position] ^ 1]) + original[position + 1 : position + 8],
        "missing": b"",
        "zeroed": bytes(8),
    }
    file.write_bytes(original[:position] + replacements[damage] + tail)
    done = run(tiny_model, photograph, "-o", tmp_path, "--resume")
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 1
    assert file.read_bytes() == original
