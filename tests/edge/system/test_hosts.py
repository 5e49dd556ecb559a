"""Detection of loopback addresses."""

from __future__ import annotations

import pytest

from edgeseg.system.hosts import is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_is_loopback_accepts_addresses_of_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "localhost.example"])
def test_is_loopback_rejects_other_hosts(host: str) -> None:
    assert not is_loopback(host)
