"""Requirements: pip finds wheels for every Python version and board."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from edgeseg.commands.bundle.wheels import Platform, Target

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def read_requirements() -> dict[str, Requirement]:
    lines = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", ["linux-aarch64", "linux-x86_64"])
def test_pip_finds_wheels(platform: Platform, python: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    command += ["--quiet", "--disable-pip-version-check"]
    command += ["--target", str(tmp_path / "site"), "--report", str(report)]
    command += Target(platform, python).pip_options()
    command += map(str, read_requirements().values())
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Failed to establish a new connection" in done.stderr or "NewConnectionError" in done.stderr:
        pytest.skip("pip has no network")
    assert done.returncode == 0, done.stderr
    metadata = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    versions = {package["name"]: package["version"] for package in metadata}
    for name, requirement in read_requirements().items():
        assert requirement.specifier.contains(versions[name])


@pytest.mark.parametrize(
    ("name", "version", "allowed"),
    [
        ("onnxruntime", "1.21.0", False),  # SIGILL on a Raspberry Pi 4
        ("onnxruntime", "1.23.2", True),  # newest for Python 3.10, the Python of JetPack 6
        ("opencv-python-headless", "4.12.0.88", False),  # accepts damaged TIFF files
        ("opencv-python-headless", "4.13.0.90", True),
        ("opencv-python-headless", "5.0.0.93", True),
    ],
)
def test_requirement_excludes_releases_that_fail(name: str, version: str, allowed: bool) -> None:
    assert read_requirements()[name].specifier.contains(version) is allowed


@pytest.mark.parametrize("name", ["device", "dev", "openvino"])
def test_hash_files_pin_the_versions_of_the_constraints(name: str) -> None:
    pins = read_hash_file(name)
    constraints = (PROJECT.parent / "constraints.txt").read_text()
    expected = {line.split(";")[0].strip().lower() for line in constraints.splitlines()}
    named = {pin.split("==")[0] for pin in expected}
    assert {pin for pin in pins if pin.split("==")[0] in named} <= expected
    assert all(hashes for hashes in pins.values())


def test_hash_files_contain_the_requirements_of_device_and_build() -> None:
    names = {pin.split("==")[0] for pin in read_hash_file("device")}
    assert {name.lower() for name in read_requirements()} | {"hatchling"} <= names


def test_hash_file_of_tests_contains_every_extra_except_torch() -> None:
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    names = {pin.split("==")[0] for pin in read_hash_file("dev")}
    required: set[str] = set()
    for extra, lines in extras.items():
        if extra not in {"openvino", "all"}:
            required |= {Requirement(line).name.lower() for line in lines}
    assert required - {"edgeseg", "torch"} <= names


def read_hash_file(name: str) -> dict[str, list[str]]:
    """Return the hashes of each pin (`numpy==2.4.6`) of a file in `requirements/`."""
    text = (PROJECT.parent / "requirements" / f"{name}.txt").read_text()
    pins: dict[str, list[str]] = {}
    for entry in text.replace("\\\n", " ").splitlines():
        pin = re.sub(r"\[.*\]", "", entry.split()[0].lower())
        pins.setdefault(pin, []).extend(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
    return pins
