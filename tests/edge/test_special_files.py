"""Pipes and devices as input files: they are rejected immediately, because reading may hang.

If a reader hangs, the test fails after the timeout of pytest-timeout. The tests do not use SIGALRM
themselves: it would replace the timer of pytest-timeout, and could end a worker of pytest-xdist.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeseg.cli import cli
from edgeseg.errors import EdgesegError, ModelError, PhotoError, SystemSetupError
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.photo import read_photo
from edgeseg.models.card import read_card
from edgeseg.models.loaded_file import load_file
from edgeseg.models.tuning_cache import read_tuned_setups
from edgeseg.run.results.contact_sheet import SHEET_NAME, ContactSheet
from edgeseg.run.results.measures_table import is_foreign_table
from edgeseg.run.results.provenance import is_foreign
from edgeseg.synthetic import generate_photo


@pytest.fixture(params=["pipe", "device"])
def special(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "special"
    if request.param == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (read_card, ModelError),
        (load_file, ModelError),
        (read_tuned_setups, SystemSetupError),
        (read_photo, PhotoError),
    ],
)
def test_readers_of_device_package_reject_special_files(
    read: object, error: type[EdgesegError], special: Path
) -> None:
    with pytest.raises(error, match="special"):
        read(special)  # type: ignore[operator]


def test_readers_of_other_packages_reject_special_files(special: Path) -> None:
    pytest.importorskip("torch")
    from edgeseg_benchmarks.record import read_bench
    from edgeseg_export.safetensors import read_safetensors
    from edgeseg_export.source import read_preprocessing
    from edgeseg_train.reporting.log import read_log
    from edgeseg_train.tensor_file import read_tensors

    readers = (read_bench, read_preprocessing, read_safetensors, read_tensors)
    for read in (*readers, lambda file: read_log(file, 1)):
        with pytest.raises(EdgesegError, match="special"):
            read(special)


def test_split_csv_as_special_file_exits_with_7(special: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.png").write_bytes(encode_png(generate_photo(1, 64).photo))
    special.rename(folder / "split.csv")
    done = CliRunner().invoke(cli, ["evaluate", "--data", f"pairs:{folder}"])
    assert done.exit_code == 7
    assert "split.csv" in done.stderr


def test_run_rejects_special_input_and_result(
    special: Path, tiny_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ["run", "--model", str(tiny_model), "-o", str(out)]
    assert CliRunner().invoke(cli, [*options, str(special)]).exit_code == 2
    out.mkdir()
    special.rename(out / "eye_vessels.png")
    assert is_foreign(out / "eye_vessels.png")
    (out / "measures.csv").symlink_to(out / "eye_vessels.png")
    assert is_foreign_table(out / "measures.csv")
    os.mkfifo(out / SHEET_NAME)
    with pytest.raises(EdgesegError, match=SHEET_NAME):
        ContactSheet(out)
    photograph = tmp_path / "eye.png"
    photograph.write_bytes(encode_png(generate_photo(1, 160).photo))
    for resume in ([], ["--resume"]):
        done = CliRunner().invoke(cli, [*options, *resume, str(photograph)])
        assert done.exit_code == 3
        assert "eye_vessels.png" in done.stderr


@pytest.mark.slow
def test_run_ignores_pipe_with_name_of_temporary_file(tiny_model: Path, tmp_path: Path) -> None:
    photograph = tmp_path / "eye.png"
    photograph.write_bytes(encode_png(generate_photo(1, 160).photo))
    os.mkfifo(tmp_path / ".edgeseg-x")
    (tmp_path / ".edgeseg-notes.txt").touch()
    command = [sys.executable, "-m", "edgeseg", "run", "--model", str(tiny_model)]
    done = subprocess.run([*command, "-o", str(tmp_path), str(photograph)], timeout=60, check=False)
    assert done.returncode == 0
    assert (tmp_path / ".edgeseg-notes.txt").exists()
