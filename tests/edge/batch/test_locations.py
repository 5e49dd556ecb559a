"""URLs of remote storage: accepted and rejected URLs, and URLs of files in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.batch.locations import check_url, is_remote, join_url, url_path
from edgeseg.errors import UsageError


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@host.example/a.png",
        "https://secret@host.example/a.png",
        "sftp://user:secret@host.example/a.png",
        "https://host.example/a.png?token=secret",
        "s3://secret:secret@bucket/a.png",
        "http://secret.example@192.0.2.1/a.png",
        "http://192.0.2.1/secret.png",
        "s3:///secret.png",
        "ftp://secret:secret@host.example/a.png",
    ],
)
def test_url_with_credentials_or_without_encryption_is_rejected(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_url(url)
    if "secret.png" not in url:
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["s3://bucket/a b.png", "gs://bucket/a.png", "sftp://user@host:2222/a.png",
     "https://host.example/a.png", "http://127.0.0.1:9000/a.png"],
)  # fmt: skip
def test_url_is_accepted(url: str) -> None:
    assert is_remote(url)
    check_url(url)


def test_join_url_resolves_relative_names() -> None:
    assert join_url("s3://bucket/cohort/", "a/b.png") == "s3://bucket/cohort/a/b.png"
    assert join_url("https://host:1/cohort/", "../b c.png") == "https://host:1/b c.png"


def test_url_path_stays_below_the_store() -> None:
    assert url_path("https://host/../../etc/a%20b.png") == Path("/https/etc/a b.png")
