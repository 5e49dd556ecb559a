"""Shared fixtures of the training tests."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Use one thread: tiny networks are faster that way, above all on busy cores."""
    torch.set_num_threads(1)
