"""Opening of files without blocking. Pipes and devices may block forever."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MAX_TEXT_BYTES = 16 << 20
"""Size limit of text files: JSON, TOML and CSV."""


def open_regular_file(path: Path) -> BinaryIO:
    """Open a regular file for reading. Other files are rejected before they are opened.

    Raises:
        OSError: The file cannot be opened, or it is a folder, pipe, socket or device.
    """
    _reject_special(path, path.stat().st_mode)
    # A pipe may have replaced the file. Opening the pipe must not block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _reject_special(path, os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular_file(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """Read a regular file of limited size.

    Args:
        path: regular file.
        max_bytes: largest accepted size in bytes.

    Raises:
        OSError: The file is too large, or `open_regular_file` fails.
    """
    with open_regular_file(path) as file:
        if os.fstat(file.fileno()).st_size > max_bytes:
            raise OSError(errno.EFBIG, f"larger than {max_bytes >> 20} MiB", str(path))
        return file.read()


def open_without_blocking(path: Path) -> BinaryIO:
    """Open a file or device for appending. The file is created if it does not exist.

    Raises:
        OSError: The file cannot be opened, or it is a pipe that no program reads.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "wb")


def _reject_special(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
