"""Error messages of the two `make` commands in the README. `.ci/run` tests the commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_without_venv_names_the_package_to_install(target: str, tmp_path: Path) -> None:
    # Debian's Python lacks this module until the package python3-venv is installed.
    (tmp_path / "ensurepip.py").write_text("raise ImportError('No module named ensurepip')")
    done = run_make(target, tmp_path)
    assert done.returncode != 0
    assert f"apt-get install -y python3.{sys.version_info.minor}-venv" in done.stderr


@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_with_old_python_names_the_required_version(target: str, tmp_path: Path) -> None:
    old_version = "import sys\nsys.version_info = (3, 9, 2, 'final', 0)\n"
    (tmp_path / "sitecustomize.py").write_text(old_version)
    done = run_make(target, tmp_path)
    assert done.returncode != 0
    assert "3.10" in done.stderr
    assert f"make {target} PYTHON=" in done.stderr


def run_make(target: str, pythonpath: Path) -> subprocess.CompletedProcess[str]:
    """Run `make TARGET` with a folder of modules that replace modules of Python."""
    # If make started these tests, its variables must not affect the inner make.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment["PYTHONPATH"] = str(pythonpath)
    command = ["make", target, f"PYTHON={sys.executable}"]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
