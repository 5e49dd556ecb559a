"""Jobs for the tests of `edgeseg.batch`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgeseg.batch.collect import collect_cohort
from edgeseg.batch.job import JobFile, JobOptions, create_job
from edgeseg.batch.prepare_job import ModelChoice, resolve_job
from edgeseg.imaging.encoder import encode_png
from edgeseg.synthetic import generate_photo

DEFAULT_MODEL = ModelChoice("default", "auto", "auto", None, None)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """PNG files of three small synthetic photographs."""
    return [encode_png(generate_photo(seed, 200).photo) for seed in range(3)]


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., JobFile]:
    """Function that creates a job in tmp_path/out for an input and options."""

    def make(argument: Path, **options: object) -> JobFile:
        cohort = collect_cohort(str(argument))
        chosen = JobOptions(**options)  # type: ignore[arg-type]
        job, encoded = resolve_job(str(argument), cohort, chosen, DEFAULT_MODEL, 1)
        assert create_job(tmp_path / "out", job, encoded)
        return job

    return make


@pytest.fixture(scope="session")
def fill(photographs: list[bytes]) -> Callable[[Path, int], Path]:
    """Function that creates a folder with a number of photographs, repeated if necessary."""

    def write(folder: Path, count: int) -> Path:
        folder.mkdir()
        for number in range(count):
            (folder / f"eye{number}.png").write_bytes(photographs[number % len(photographs)])
        return folder

    return write


@pytest.fixture
def add_start_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Function that adds code to the start of all Python processes that the test starts."""

    def add(code: str) -> None:
        folder = tmp_path / "site"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return add


@pytest.fixture
def killing_reader() -> str:
    """Code for `add_start_code`: reading a photograph named `killer...` kills the process."""
    return """
import os, signal, sys
import edgeseg.imaging.photo as photo
read = photo.read_photo_bytes
def read_or_die(path, *arguments):
    if path.name.startswith("killer"):
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path, *arguments)
photo.read_photo_bytes = read_or_die
"""
