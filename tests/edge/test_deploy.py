"""systemd units, checked with systemd-analyze."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "edgeseg-watch.service"
SERVE = DEPLOY / "edgeseg-serve.service"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("source", [UNIT, SERVE], ids=lambda path: path.stem)
def test_unit_passes_systemd_verify(source: Path, tmp_path: Path) -> None:
    """The path of the program is replaced with the path of an existing program."""
    unit = tmp_path / source.name
    unit.write_text(source.read_text().replace("/opt/edgeseg/bin/edgeseg", sys.executable))
    done = _analyze("verify", "--man=no", str(unit))
    assert done.returncode == 0 and source.name not in done.stderr, done.stderr
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSystems="))
    assert source.name in _analyze("verify", "--man=no", str(unit)).stderr


@pytest.mark.parametrize(("unit", "limit"), [(UNIT, 1.0), (SERVE, 1.5)], ids=["watch", "serve"])
def test_unit_has_low_exposure_level(unit: Path, limit: float) -> None:
    done = _analyze("security", "--offline=true", "--no-pager", str(unit))
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if exposure is None:
        pytest.skip(f"this systemd cannot rate a unit file: {done.stderr}")
    assert float(exposure[1]) <= limit


def test_unit_runs_edgeseg_as_own_user_without_network() -> None:
    lines = UNIT.read_text().splitlines()
    assert (
        "User=edgeseg" in lines
        and "PrivateNetwork=yes" in lines
        and "ProtectSystem=strict" in lines
    )
    assert any(line.startswith("ExecStart=/opt/edgeseg/bin/edgeseg run --watch ") for line in lines)


def test_serve_unit_reaches_loopback_interface_only() -> None:
    lines = SERVE.read_text().splitlines()
    assert {"User=edgeseg", "IPAddressDeny=any", "IPAddressAllow=localhost"} <= set(lines)
    assert "ExecStart=/opt/edgeseg/bin/edgeseg serve --host 127.0.0.1 --port 8000" in lines
