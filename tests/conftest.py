"""Where the tests' photographs come from: real ones through EDGESEG_DATA, else drawn ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder that holds DRIVE/, STARE/, CHASEDB1/, HRF/ and FIVES/ in their published layouts."""
    root = os.environ.get("EDGESEG_DATA")
    if not root:
        pytest.skip("EDGESEG_DATA is not set: real photographs are not at hand")
    return Path(root)
