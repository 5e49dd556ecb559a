"""Cohort and a finished job for the tests of `edgeseg batch`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeseg.cli import cli
from edgeseg.imaging.encoder import encode_png
from edgeseg.synthetic import generate_photo

MANIFEST = "path,id,visit\np1/od 1.png,001,=1\np2/äß.png,002,2\ngone.png,003,3\n"


@pytest.fixture(scope="session")
def eyes() -> list[bytes]:
    """PNG files of three small synthetic photographs."""
    return [encode_png(generate_photo(seed, 160).photo) for seed in range(3)]


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory, eyes: list[bytes]) -> Path:
    """Folder with two valid photographs, a damaged photograph and a manifest."""
    folder = tmp_path_factory.mktemp("cohort")
    for name, data in (("p1/od 1.png", eyes[0]), ("p2/äß.png", eyes[1]), ("p2/cut.png", b"cut")):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "m.csv").write_text(MANIFEST)
    return folder


@pytest.fixture(scope="session")
def done(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a finished job for the cohort."""
    output = tmp_path_factory.mktemp("done") / "out"
    arguments = ["batch", str(cohort), "-o", str(output), "--workers", "1", "--threads", "1"]
    assert CliRunner().invoke(cli, arguments).exit_code == 3
    return output
