"""Wheel and sdist: they contain only tracked files, and every build gives equal files."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
SOURCES = (
    "edge/edgeseg",
    "train/edgeseg_train",
    "export/edgeseg_export",
    "benchmarks/edgeseg_benchmarks",
)
GENERATED = {".gitignore", "PKG-INFO"}
PLANTED = (
    "patients/mr_smith.png",
    "mr_smith.png",
    "edge/mr_smith.tif",
    "edge/edgeseg/mr_smith.png",
    "edge/edgeseg/models/mr_smith.onnx",
    "edge/edgeseg/models/mr_smith.md",
    "docs/mr_smith.png",
    "tests/edge/mr_smith.jpg",
    "benchmarks/edgeseg_benchmarks/mr_smith.csv",
    "train/checkpoints/mr_smith.pt",
    "report.html",
)


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git clone")
    names = done.stdout.split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def clone(tracked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy of the tracked files with additional untracked files."""
    folder = tmp_path_factory.mktemp("clone")
    for name in tracked:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for name in PLANTED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"photograph")
    return folder


@pytest.fixture(scope="module")
def built(clone: Path) -> dict[str, Path]:
    """Wheel and sdist, built without a network."""
    return build(clone, "first")


def build(clone: Path, name: str) -> dict[str, Path]:
    folder = clone.with_name(f"{clone.name}-{name}")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(clone)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def list_sdist(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {name.split("/", 1)[1] for name in archive.getnames()}


def list_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_sdist_contains_tracked_files_only(built: dict[str, Path], tracked: list[str]) -> None:
    names = list_sdist(built["sdist"])
    assert names - GENERATED <= set(tracked)
    assert {name for name in tracked if name.startswith((*SOURCES, "tests/", "docs/"))} <= names


@pytest.mark.slow
def test_wheel_contains_exactly_the_tracked_package_files(
    built: dict[str, Path], tracked: list[str]
) -> None:
    packages = {name.split("/", 1)[1] for name in tracked if name.startswith(SOURCES)}
    names = {name for name in list_wheel(built["wheel"]) if ".dist-info/" not in name}
    assert names == {*packages, "edgeseg/commands/bundle/constraints.txt"}


@pytest.mark.slow
def test_wheel_contains_licences_of_code_weights_and_data(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built["wheel"]) as archive:
        names = [name for name in archive.namelist() if ".dist-info/licenses/" in name]
        texts = {name.rsplit("/", 1)[1]: archive.read(name).decode() for name in names}
    assert set(texts) == {"LICENSE", "LICENCES.md"}
    assert all(name in texts["LICENCES.md"] for name in ("HRF", "CHASE_DB1", "FIVES", "CC BY 4.0"))


@pytest.mark.slow
def test_two_builds_give_equal_hashes(built: dict[str, Path], clone: Path) -> None:
    for file in clone.rglob("*.py"):
        os.utime(file, (1_600_000_000, 1_600_000_000))
        file.chmod(0o664)
    again = build(clone, "second")
    for kind, file in built.items():
        assert hash_file(again[kind]) == hash_file(file), kind


def hash_file(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_build_requirements_are_pinned_as_in_the_constraints() -> None:
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    assert required
    assert set(required) <= set(constraints)


def test_licences_of_weights_name_every_data_set_of_the_training() -> None:
    text = (ROOT / "edge/edgeseg/models/LICENCES.md").read_text()
    card = (ROOT / "edge/edgeseg/models/README.md").read_text()
    rows = re.findall(r"^\| ([A-Z_0-9]+) \(.*\) \| \d+ \| (.*) \|$", card, re.MULTILINE)
    assert len(rows) >= 3
    for name, _licence in rows:
        assert f"| {name} |" in text
