"""Lists of inputs."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.errors import UsageError
from edgeseg.run.inputs import file_list
from edgeseg.run.inputs.file_list import read_file_list


@pytest.mark.parametrize(
    "data",
    [
        b"a.png\nsub/b c.png\n",
        b"a.png\r\n\r\nsub/b c.png",
        b"\xef\xbb\xbfa.png\nsub/b c.png\n",
        b"a.png\0sub/b c.png\0",
        "a.png\r\nsub/b c.png\r\n".encode("utf-16"),
    ],
    ids=["lines", "windows", "mark", "null", "utf-16"],
)
def test_read_file_list_returns_names(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "list").write_bytes(data)
    assert read_file_list(str(tmp_path / "list")) == ["a.png", "sub/b c.png"]


def test_read_file_list_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a.png\n\xff.png\n")))
    assert read_file_list("-") == ["a.png", os.fsdecode(b"\xff.png")]


@pytest.mark.parametrize("content", [None, b"", b"\n\r\n"])
def test_read_file_list_without_names_is_rejected(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "list"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match="list"):
        read_file_list(str(file))


def test_read_file_list_rejects_endless_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_list, "MAX_TEXT_BYTES", 100)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a" * 200)))
    with pytest.raises(UsageError):
        read_file_list("-")


def test_read_file_list_rejects_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list")
    with pytest.raises(UsageError, match="list"):
        read_file_list(str(tmp_path / "list"))


@given(st.lists(st.text(st.characters(exclude_characters="\0\r\n\ufeff"), min_size=1), min_size=1))
def test_read_file_list_returns_written_names(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "names"
    data = "\n".join(names).encode("utf-8", "surrogatepass")
    file.write_bytes(data)
    if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert [os.fsencode(name) for name in read_file_list(str(file))] == data.split(b"\n")
