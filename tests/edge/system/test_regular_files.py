"""Reading of regular files. Pipes, devices and too large files must be rejected immediately."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edgeseg.system.regular_files import open_regular_file, read_regular_file


def test_read_regular_file_returns_its_bytes_and_follows_links(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text")
    (tmp_path / "b").symlink_to("a")
    assert read_regular_file(tmp_path / "b", 4) == b"text"


def test_read_regular_file_rejects_a_larger_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text!")
    with pytest.raises(OSError, match="larger than") as caught:
        read_regular_file(tmp_path / "a", 4)
    assert caught.value.errno == errno.EFBIG


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_open_regular_file_rejects_special_files(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "special"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    with pytest.raises(OSError, match=r"special") as caught:
        open_regular_file(path)
    assert caught.value.errno in (errno.EINVAL, errno.EISDIR)
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208
