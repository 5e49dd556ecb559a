"""The systemd unit, checked by systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "edgeseg-watch.service"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )


def test_unit_passes_systemd_verify(tmp_path: Path) -> None:
    """The path of the program is replaced by that of an existing program."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/edgeseg/bin/edgeseg", sys.executable))
    done = _analyze("verify", "--man=no", str(unit))
    assert done.returncode == 0 and UNIT.name not in done.stderr, done.stderr
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSystems="))
    assert UNIT.name in _analyze("verify", "--man=no", str(unit)).stderr


def test_unit_has_low_exposure_level() -> None:
    done = _analyze("security", "--offline=true", "--no-pager", str(UNIT))
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if exposure is None:
        pytest.skip(f"this systemd cannot rate a unit file: {done.stderr}")
    assert float(exposure[1]) <= 1.0


def test_unit_runs_edgeseg_as_own_user_without_network() -> None:
    lines = UNIT.read_text().splitlines()
    assert (
        "User=edgeseg" in lines
        and "PrivateNetwork=yes" in lines
        and "ProtectSystem=strict" in lines
    )
    assert any(line.startswith("ExecStart=/opt/edgeseg/bin/edgeseg run --watch ") for line in lines)
