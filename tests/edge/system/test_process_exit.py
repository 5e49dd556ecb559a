"""Reasons why a process ended."""

from __future__ import annotations

import pytest

from edgeseg.system.process_exit import describe_exit


@pytest.mark.parametrize(
    ("exit_code", "fragment"), [(3, "3"), (-9, "SIGKILL"), (-15, "SIGTERM"), (-200, "-200")]
)
def test_describe_exit_names_exit_code_or_signal(exit_code: int, fragment: str) -> None:
    assert fragment in describe_exit(exit_code)
