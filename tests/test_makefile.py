"""What the README's two commands say where they cannot work; that they do work, `.ci/run` shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


@pytest.mark.parametrize("target", ["demo", "test"])
def test_missing_venv_gets_the_line_that_installs_it(target: str, tmp_path: Path) -> None:
    # Debian's Python without the package python3-venv lacks exactly this module.
    (tmp_path / "ensurepip.py").write_text("raise ImportError('No module named ensurepip')")
    done = _make(target, tmp_path)
    assert done.returncode != 0
    assert f"sudo apt-get install -y python3.{sys.version_info.minor}-venv" in done.stderr


@pytest.mark.parametrize("target", ["demo", "test"])
def test_an_old_python_is_told(target: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.version_info = (3, 9, 2, 'final', 0)\n"
    )
    done = _make(target, tmp_path)
    assert done.returncode != 0
    assert "needs Python 3.10 or newer" in done.stderr
    assert f"make {target} PYTHON=" in done.stderr


def _make(target: str, pythonpath: Path) -> subprocess.CompletedProcess[str]:
    """Run `make TARGET` with modules that the Python it finds prefers to its own."""
    # These tests may themselves run under make, whose variables reach down.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment["PYTHONPATH"] = str(pythonpath)
    command = ["make", target, f"PYTHON={sys.executable}"]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
