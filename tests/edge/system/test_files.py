"""Atomic writing of files, and write errors with remedies."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseg.errors import SystemSetupError
from edgeseg.system.files import create_exclusively, make_folder, open_atomically, write_atomically


@pytest.mark.parametrize("data", [b"", b"bytes", bytearray(b"array"), memoryview(b"a view")[2:]])
def test_write_atomically_replaces_file_and_leaves_no_temporary_file(
    tmp_path: Path, data: bytes | bytearray | memoryview
) -> None:
    file = tmp_path / "Maske Ω.png"
    write_atomically(file, b"old")
    write_atomically(file, data)
    assert file.read_bytes() == bytes(data)
    assert file_names(tmp_path) == [file.name]


def file_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_atomically_permissions_follow_umask(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"x")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EBADF]
)
@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_write_atomically_failure_keeps_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, step: str
) -> None:
    file = tmp_path / "mask.png"
    file.write_bytes(b"old")

    def fail(*arguments: object) -> None:
        assert any(name.startswith(".") and name.endswith(".tmp") for name in file_names(tmp_path))
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(step, fail)
        with pytest.raises(SystemSetupError) as caught:
            write_atomically(file, b"new")
    assert str(caught.value).startswith(f"{file}: cannot be written (")
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == b"old"
    assert file_names(tmp_path) == ["mask.png"]


def test_write_atomically_interrupted_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", b"x")
    assert file_names(tmp_path) == []


def test_create_exclusively_without_hard_links_leaves_no_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def fail_link(*arguments: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def fail_second(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:  # the first call flushes the temporary file
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", fail_link)
    monkeypatch.setattr(os, "fsync", fail_second)
    with pytest.raises(SystemSetupError):
        create_exclusively(tmp_path / "job.json", b"{}")
    assert file_names(tmp_path) == []
    assert create_exclusively(tmp_path / "job.json", b"{}")
    assert not create_exclusively(tmp_path / "job.json", b"other")
    assert (tmp_path / "job.json").read_bytes() == b"{}"


def test_write_atomically_full_disk_raises_with_remedy() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(SystemSetupError, match=r"^/dev/full: .* \(the disk is full\)\. Free"):
        write_atomically(Path("/dev/full"), b"x" * 100)
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("none/a", "Create the folder"),
        ("file/a", "is a file"),
        ("folder", "a folder with this name"),
        ("x" * 300, "shorter"),
    ],
)
def test_write_atomically_invalid_path_raises_with_remedy(
    tmp_path: Path, name: str, remedy: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(SystemSetupError, match=remedy):
        write_atomically(tmp_path / name, b"x")
    assert file_names(tmp_path) == ["file", "folder"]


def test_write_atomically_folder_without_permission_raises(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(SystemSetupError, match="no permission"):
            write_atomically(tmp_path / "a", b"x")
        with pytest.raises(SystemSetupError, match="no permission"):
            make_folder(tmp_path / "b")
    finally:
        tmp_path.chmod(0o700)


def test_write_atomically_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "other" / "real")
    write_atomically(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "other" / "real").read_bytes() == b"x"


def test_write_atomically_to_pipe_writes_the_data() -> None:
    code = (
        "from pathlib import Path; from edgeseg.system.files import write_atomically\n"
        "write_atomically(Path('/dev/stdout'), b'data')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env=environment
    )
    assert done.stdout == b"data"


def test_write_atomically_to_pipe_without_reader_raises(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SystemSetupError, match="pipe"):
        write_atomically(tmp_path / "pipe", b"data")


def test_make_folder_creates_parents_and_rejects_files(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SystemSetupError, match="Choose another folder"):
            make_folder(path)


def test_open_atomically_pipe_receives_nothing_if_block_raises() -> None:
    code = (
        "from pathlib import Path; from edgeseg.system.files import open_atomically\n"
        "with open_atomically(Path('/dev/stdout')) as file:\n"
        "    file.write(b'half'); raise ZeroDivisionError"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.stdout == b"" and b"ZeroDivisionError" in done.stderr


def test_open_atomically_removes_temporary_file_if_block_raises(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mask.png"
    file.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), open_atomically(file) as partial:
        partial.write(b"half")
        raise ZeroDivisionError
    assert file.read_bytes() == b"old"
    assert file_names(tmp_path) == [file.name]
