"""Fixtures of the training tests."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Use one thread, which is faster for tiny networks, especially on busy cores."""
    torch.set_num_threads(1)
