"""Processes that run a module of edgeseg."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import edgeseg
from edgeseg.system.python_command import module_command

MODULE = """
import json, os, sys
import edgeseg
print(json.dumps([__name__, os.getcwd(), edgeseg.__file__, *sys.argv[1:]]))
"""


@pytest.mark.parametrize("safe_path", ["", "1"])
def test_module_command_runs_module_in_current_folder_without_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, safe_path: str
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "shown.py").write_text(MODULE)
    for name in ("runpy", "json", "msgspec", "edgeseg"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('wrong module imported')")
    monkeypatch.setenv("PYTHONPATH", "lib")
    monkeypatch.setenv("PYTHONSAFEPATH", safe_path)
    monkeypatch.chdir(tmp_path)
    command = module_command("shown", "-a", "b")
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    assert json.loads(output) == ["__main__", os.getcwd(), edgeseg.__file__, "-a", "b"]  # noqa: PTH109
