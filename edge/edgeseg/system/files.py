"""Atomic writing of files: an output file is either complete or missing."""

import errno
import fcntl
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edgeseg.errors import SystemSetupError
from edgeseg.system.regular_files import open_regular_file, open_without_blocking

_TEMPORARY = ".edgeseg-"
_TEMPORARY_NAME = re.compile(r"\.edgeseg-[0-9a-f]{16}\.tmp(\.[a-z0-9]+)?")
_NO_PERMISSION = ("no permission", "Choose another folder.")
_REMEDIES = {
    errno.ENOSPC: ("the disk is full", "Free some space or choose another disk."),
    errno.EDQUOT: ("the disk quota is exceeded", "Free some space or choose another disk."),
    errno.EFBIG: ("the file is too large for the file system", "Choose another disk."),
    errno.EIO: ("the disk reported an I/O error", "Choose another disk."),
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EROFS: ("the file system is read-only", "Choose another folder."),
    errno.ENOENT: ("the folder does not exist", "Create the folder."),
    errno.ENOTDIR: ("a part of the path is a file", "Choose another folder."),
    errno.EEXIST: ("a file with this name exists", "Choose another folder."),
    errno.ENXIO: ("no program reads this pipe", "Start the reader first or choose another file."),
    errno.EISDIR: ("a folder with this name exists", "Choose another name."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter name."),
}


def write_atomically(
    path: Path, data: bytes | bytearray | memoryview, follow_links: bool = True
) -> None:
    """Write a file with `open_atomically`.

    Args:
        path: output file.
        data: content of the file.
        follow_links: True to replace the target of a symbolic link at `path`; False to replace the
            link itself.

    Raises:
        SystemSetupError: The file cannot be written. An existing file is not changed.
    """
    with open_atomically(path, follow_links) as file:
        file.write(data)


@contextmanager
def open_atomically(path: Path, follow_links: bool = True) -> Iterator[BinaryIO]:
    """Open a file that appears at its path only when it is complete, even after a power failure.

    The data is written to a temporary file in the same folder, flushed to the disk and moved to
    `path`. The name of the temporary file starts with "." and ends with ".tmp".
    `remove_stale_temporaries` removes the temporary files of killed processes. An existing file is
    replaced. If `follow_links` is True, the target of a symbolic link is replaced, and otherwise
    the link itself. A pipe or a device, such as `/dev/stdout`, is written directly at the end of
    the block. If the block raises an exception, nothing is written. An OSError in the block is
    reported as an error of this file.

    Raises:
        SystemSetupError: The file cannot be written. An existing file is not changed.
    """
    with write_errors_named(path):
        is_link = path.is_symlink()
        is_followed = follow_links or not is_link
        if is_followed and path.exists() and not path.is_file() and not path.is_dir():
            buffer = io.BytesIO()
            yield buffer
            with open_without_blocking(path) as file:
                file.write(buffer.getbuffer())
            return
        if is_link and follow_links:
            path = Path(os.path.realpath(path))
        with temporary_beside(path) as (temporary, file):
            yield file
            commit(temporary, file, path)
        _sync_folder(path.parent)


def create_exclusively(path: Path, data: bytes) -> bool:
    """Write a file unless it exists. The file appears at its path only when it is complete.

    Returns:
        False if a file with this name exists. The existing file is not changed.

    Raises:
        SystemSetupError: The file cannot be written.
    """
    with write_errors_named(path), temporary_beside(path) as (temporary, file):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError:  # without hard links; `rename` could replace an existing file
            return _create_directly(path, data)
        finally:
            temporary.unlink()
    _sync_folder(path.parent)
    return True


def _create_directly(path: Path, data: bytes) -> bool:
    try:
        file = path.open("xb")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:  # includes Ctrl-C
        path.unlink(missing_ok=True)
        raise
    return True


def check_folders(*files: Path | None) -> None:
    """Check that the folders of output files exist. This check runs before a long measurement.

    Raises:
        SystemSetupError: A folder is missing.
    """
    for file in files:
        if file is not None and not file.absolute().parent.is_dir():
            raise _write_error(file, OSError(errno.ENOENT, ""))


def make_folder(path: Path) -> None:
    """Create a folder and its parents, unless they exist.

    Raises:
        SystemSetupError: The folder cannot be created.
    """
    with write_errors_named(path):
        path.mkdir(parents=True, exist_ok=True)


def check_folder_writable(folder: Path) -> None:
    """Check that files can be created in an existing folder.

    Raises:
        SystemSetupError: No file can be created.
    """
    with write_errors_named(folder), temporary_beside(folder / "check") as (temporary, _):
        temporary.unlink()


def remove_stale_temporaries(folder: Path) -> None:
    """Remove the temporary files of killed processes from a folder.

    Running processes lock their temporary files. Locked files and other files with similar names
    are kept. If the file system does not support locks, no file is removed.
    """
    for path in folder.glob(f"{_TEMPORARY}*"):
        if not _TEMPORARY_NAME.fullmatch(path.name) or path.is_symlink():
            continue
        with suppress(OSError), open_regular_file(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


@contextmanager
def temporary_beside(path: Path, suffix: str = "") -> Iterator[tuple[Path, BinaryIO]]:
    """Yield an open temporary file in the folder of `path`. Remove it if the block fails.

    Args:
        path: output file to which `commit` moves the temporary file; not a symbolic link.
        suffix: end of the temporary file's name, after ".tmp".
    """
    temporary, file = _create_locked(path.parent, suffix)
    try:
        with file:
            yield temporary, file
    except BaseException:  # includes Ctrl-C
        with suppress(OSError):
            temporary.unlink()
        raise


def commit(temporary: Path, file: BinaryIO, path: Path) -> None:
    """Flush a temporary file to the disk and move it to `path`."""
    file.flush()
    os.fsync(file.fileno())
    temporary.replace(path)


def _create_locked(folder: Path, suffix: str) -> tuple[Path, BinaryIO]:
    while True:
        temporary = folder / f"{_TEMPORARY}{os.urandom(8).hex()}.tmp{suffix}"
        file = temporary.open("xb")  # mkstemp does not apply the umask
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()  # another process removed the file before it was locked


def _sync_folder(folder: Path) -> None:
    """Flush a folder to the disk if the system supports this."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def write_errors_named(path: Path | str) -> Iterator[None]:
    """Convert an OSError to a one-line message with the file and a remedy.

    Raises:
        SystemSetupError: An OSError was raised.
    """
    try:
        yield
    except OSError as error:
        raise _write_error(path, error) from error


def _write_error(path: Path | str, error: OSError) -> SystemSetupError:
    reason, remedy = _REMEDIES.get(error.errno or 0, (error.strerror or str(error), ""))
    return SystemSetupError(f"{path}: cannot be written ({reason}). {remedy}".rstrip())
