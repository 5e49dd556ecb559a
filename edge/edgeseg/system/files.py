"""Files that appear whole or not at all, and errors that say what to do about the disk."""

from __future__ import annotations

import errno
import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edgeseg.errors import SystemSetupError

_TEMPORARY = ".edgeseg-"
_FORBIDDEN = "no permission to write there; choose another folder"
_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space, or choose another disk",
    errno.EDQUOT: "your disk quota is used up; free some space, or choose another disk",
    errno.EFBIG: "the file is too large for this file system; choose another disk",
    errno.EIO: "the disk does not work properly; choose another disk",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOENT: "its folder does not exist; create it first",
    errno.ENOTDIR: "a part of this path is a file, not a folder; choose another folder",
    errno.EEXIST: "there is a file of that name; choose another folder",
    errno.EISDIR: "there is a folder of that name; choose another name",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def write_atomically(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Write a file, by `atomically`.

    Raises:
        SurroundingsError: It cannot be written; what was there is untouched and no temporary file is left.
    """
    with open_atomically(path) as file:
        file.write(data)


@contextmanager
def open_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, of which no one ever sees a part, not even after a crash or a power cut.

    The bytes go to a temporary file in the same folder (its name starts with "." and ends with ".tmp"), from
    there to the disk, and are then moved into place; what a killed program leaves there, `remove_left_over` removes.
    A file of that name is replaced, a symbolic link is followed. What is no file (`/dev/stdout`, a pipe) is written
    to directly. Where the block raises, nothing is written; an OSError in it counts as one of this file.

    Raises:
        SurroundingsError: It cannot be written; what was there is untouched and no temporary file is left.
    """
    with write_errors_named(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            whole = io.BytesIO()  # there is no taking back what a pipe was given
            yield whole
            path.write_bytes(whole.getbuffer())
            return
        path = Path(os.path.realpath(path))
        with temporary_beside(path) as (temporary, file):
            yield file
            commit(temporary, file, path)
        _sync_folder(path.parent)


def check_folders(*files: Path | None) -> None:
    """That the folders of files to be written are there: what measures for minutes says so before, not after.

    Raises:
        SurroundingsError: One is not.
    """
    for file in files:
        if file is not None and not file.absolute().parent.is_dir():
            raise SystemSetupError(f"{file}: cannot be written; {_REMEDIES[errno.ENOENT]}")


def make_folder(path: Path) -> None:
    """Create a folder and those above it, where they do not exist yet.

    Raises:
        SurroundingsError: It cannot be created.
    """
    with write_errors_named(path):
        path.mkdir(parents=True, exist_ok=True)


def remove_stale_temporaries(folder: Path) -> None:
    """Remove the temporary files that killed programs left in a folder; those that are being written stay.

    Who writes one holds a lock on the file itself, which ends with the program, however that ends. Where the file
    system has no locks nothing is removed.
    """
    for path in folder.glob(f"{_TEMPORARY}*"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


@contextmanager
def temporary_beside(path: Path, ending: str = "") -> Iterator[tuple[Path, BinaryIO]]:
    """A temporary file in the folder of `path`, open, for `commit` to move into place; removed where it was not.

    Args:
        path: The file that is to be written, no symbolic link.
        ending: Of the temporary file's name, behind ".tmp".
    """
    temporary, file = _create_locked(path.parent, ending)
    try:
        with file:
            yield temporary, file
    except BaseException:  # Ctrl-C too leaves nothing behind.
        with suppress(OSError):
            temporary.unlink()
        raise


def commit(temporary: Path, file: BinaryIO, path: Path) -> None:
    """Bring a temporary file to the disk and move it to `path`."""
    file.flush()
    os.fsync(file.fileno())
    temporary.replace(path)


def _create_locked(folder: Path, ending: str) -> tuple[Path, BinaryIO]:
    while True:
        temporary = folder / f"{_TEMPORARY}{os.urandom(8).hex()}.tmp{ending}"
        file = temporary.open("xb")  # Not mkstemp: its files are for their owner alone.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()  # Another run took it for left over, in the instant before it was locked.


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk too. The file is whole without, so a system that cannot is let pass."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def write_errors_named(path: Path | str) -> Iterator[None]:
    """Turn the system's errors into one line that names the file, and the remedy.

    Raises:
        SurroundingsError: In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, error.strerror or str(error))
        raise SystemSetupError(f"{path}: cannot be written; {remedy}") from error
