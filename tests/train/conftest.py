"""What the tests of training share."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tiny networks are faster so, above all where the cores are busy."""
    torch.set_num_threads(1)
