"""The bounds of pyproject.toml: pip finds wheels for every Python and board; releases known to fail stay out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
from packaging.requirements import Requirement

from edgeseg.commands.bundle.wheels import Platform, Target

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")

# pip asks an index, for eight targets.
pytestmark = pytest.mark.timeout(600)


def _requirements() -> dict[str, Requirement]:
    lines = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", ["linux-aarch64", "linux-x86_64"])
def test_pip_finds_wheels_for(platform: Platform, python: str, tmp_path: Path) -> None:
    report, target = tmp_path / "report.json", Target(platform, python)
    requirements = [str(requirement) for requirement in _requirements().values()]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--quiet",
        "--dry-run",
    ]
    words = ["--ignore-installed", "--target", str(tmp_path / "site"), "--report", str(report)]
    command = [*pip, *words, *target.pip_options(), *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Failed to establish a new connection" in done.stderr or "NewConnectionError" in done.stderr:
        pytest.skip("pip reaches no index")
    assert done.returncode == 0, done.stderr
    metadata = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    chosen = {found["name"]: found["version"] for found in metadata}
    for name, requirement in _requirements().items():
        assert requirement.specifier.contains(cast("str", chosen[name]))


@pytest.mark.parametrize(
    ("name", "version", "allowed"),
    [
        ("onnxruntime", "1.21.0", False),  # SIGILL on a Raspberry Pi 4
        ("onnxruntime", "1.23.2", True),  # the newest for Python 3.10, which is JetPack 6's
        ("opencv-python-headless", "4.12.0.88", False),  # accepts damaged TIFFs
        ("opencv-python-headless", "4.13.0.90", True),
        ("opencv-python-headless", "5.0.0.93", True),
    ],
)
def test_releases_known_to_work_or_to_fail(name: str, version: str, allowed: bool) -> None:
    assert _requirements()[name].specifier.contains(version) is allowed
