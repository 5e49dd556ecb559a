"""Files that appear whole or not at all, and errors that say what to do about the disk."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgeseg.errors import SurroundingsError

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
    """Write a file so that no one ever sees a part of it, not even after a crash or a power cut.

    The bytes go to a temporary file in the same folder (its name starts with "." and ends with ".tmp"), from
    there to the disk, and are then moved into place. A file of that name is replaced, a symbolic link is
    followed. What is no file (`/dev/stdout`, a pipe) is written to directly.

    Raises:
        SurroundingsError: It cannot be written; what was there is untouched and no temporary file is left.
    """
    with _named(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)
        else:
            _replace(Path(os.path.realpath(path)), data)


def make_folder(path: Path) -> None:
    """Create a folder and those above it, where they do not exist yet.

    Raises:
        SurroundingsError: It cannot be created.
    """
    with _named(path):
        path.mkdir(parents=True, exist_ok=True)


def _replace(path: Path, data: bytes | bytearray | memoryview) -> None:
    temporary = path.with_name(f".edgeseg-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:  # Not mkstemp: its files are for their owner alone.
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # Ctrl-C too leaves nothing behind.
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk too. The file is whole without, so a system that cannot is let pass."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, error.strerror or str(error))
        raise SurroundingsError(f"{path}: cannot be written; {remedy}") from error
