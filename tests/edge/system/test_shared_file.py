"""File that several processes extend and replace."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edgeseg.system.shared_file import SharedFile


def open_shared(path: Path) -> SharedFile:
    """Return a file whose content is known."""
    shared = SharedFile(path, "header\n")
    with shared.locked() as added:
        assert added is None
        shared.replace(path.read_text())
    return shared


def test_shared_file_is_created_with_its_header(tmp_path: Path) -> None:
    with SharedFile(tmp_path / "a", "header\n").locked():
        assert (tmp_path / "a").read_text() == "header\n"


def test_shared_file_yields_lines_of_another_process(tmp_path: Path) -> None:
    first, second = open_shared(tmp_path / "a"), open_shared(tmp_path / "a")
    for number in range(300):
        with first.locked() as added:
            assert added == (b"" if number == 0 else b"second\n")
            first.append(f"first {number}\n")
        with second.locked() as added:
            assert added == f"first {number}\n".encode()
            second.append("second\n")
    with second.locked() as added:
        assert added == b""


def test_shared_file_content_is_unknown_if_another_process_changed_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    shared = open_shared(path)
    other = open_shared(path)
    with other.locked():
        other.replace("HEADER\n")
    with shared.locked() as added:
        assert added is None
        shared.replace(path.read_text())
    path.write_bytes(b"HEADER\nincomplete")
    with shared.locked() as added:
        assert added is None
    path.unlink()
    with shared.locked() as added:
        assert added is None


def test_shared_file_with_the_same_content_is_not_written(tmp_path: Path) -> None:
    first, second = open_shared(tmp_path / "a"), open_shared(tmp_path / "a")
    inode = (tmp_path / "a").stat().st_ino
    with first.locked():
        first.replace("header\n")
    assert (tmp_path / "a").stat().st_ino == inode
    with second.locked() as added:
        assert added == b""


def test_shared_file_keeps_lines_of_concurrent_writers(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def write(writer: int) -> None:
        shared = SharedFile(path, "header\n")
        for number in range(40):
            line = f"{writer} {number}\n"
            with shared.locked() as added:
                if added is None or number % 4 == 0:
                    shared.replace(path.read_text() + line)
                else:
                    shared.append(line)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    header, *lines = path.read_text().splitlines()
    assert header == "header"
    assert sorted(lines) == sorted(
        f"{writer} {number}" for writer in range(4) for number in range(40)
    )
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
