"""Addresses of Dask schedulers, and options that cannot be combined with a scheduler."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeseg.batch.dask_cluster import check_address, local_workers
from edgeseg.commands.batch import batch
from edgeseg.errors import UsageError


@pytest.mark.parametrize(
    "address", ["tcp://192.0.2.1:8786", "192.0.2.1:8786", "tcp://cluster.example:8786"]
)
def test_address_without_tls_is_rejected_unless_insecure(address: str) -> None:
    with pytest.raises(UsageError):
        check_address(address, insecure=False)
    check_address(address, insecure=True)


@pytest.mark.parametrize(
    "address",
    ["tls://192.0.2.1:8786", "127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:8786", "local:3"],
)
def test_address_with_tls_or_of_this_machine_is_accepted(address: str) -> None:
    check_address(address, insecure=False)


@pytest.mark.parametrize("address", ["", "host", "http://localhost:1", "local:0", "local:x", "a:b"])
def test_invalid_address_is_rejected(address: str) -> None:
    with pytest.raises(UsageError):
        check_address(address, insecure=True)


def test_address_with_a_password_is_rejected_without_printing_it() -> None:
    with pytest.raises(UsageError) as caught:
        check_address("tls://user:the-secret@127.0.0.1:8786", insecure=True)
    assert "the-secret" not in str(caught.value)


def test_local_workers_returns_number() -> None:
    assert local_workers("local:12") == 12
    assert local_workers("127.0.0.1:12") is None


@pytest.mark.parametrize(
    "options",
    [
        ["--dask", "local:2", "--workers", "2"],
        ["--dask", "local:2", "--shard", "1/2"],
        ["--dask", "tcp://192.0.2.1:8786"],
        ["--insecure"],
    ],
)
def test_command_rejects_options(options: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(batch, [str(tmp_path), "-o", str(tmp_path / "out"), *options])
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "out").exists()
