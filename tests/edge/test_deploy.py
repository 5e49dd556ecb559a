"""The systemd unit: as systemd itself judges it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "edgeseg-watch.service"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze"
)


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """With a program that exists here in edgeseg's place."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/edgeseg/bin/edgeseg", sys.executable))
    done = _analyze("verify", "--man=no", str(unit))
    assert done.returncode == 0 and UNIT.name not in done.stderr, done.stderr
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSystems="))
    assert UNIT.name in _analyze("verify", "--man=no", str(unit)).stderr


def test_systemd_calls_it_safe() -> None:
    done = _analyze("security", "--offline=true", "--no-pager", str(UNIT))
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if exposure is None:
        pytest.skip(f"this systemd does not judge a unit file: {done.stderr}")
    assert float(exposure[1]) <= 1.0


def test_it_starts_our_command_as_its_own_user_without_a_network() -> None:
    lines = UNIT.read_text().splitlines()
    assert (
        "User=edgeseg" in lines
        and "PrivateNetwork=yes" in lines
        and "ProtectSystem=strict" in lines
    )
    assert any(line.startswith("ExecStart=/opt/edgeseg/bin/edgeseg run --watch ") for line in lines)
