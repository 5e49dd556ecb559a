"""Files in remote storage.

Every request has a time limit and is repeated a few times. Messages contain the URL and the kind of
error. They do not contain text from the libraries, which may include credentials.
"""

import posixpath
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from edgeseg.batch.storage_systems import (
    BLOCK_BYTES,
    close_systems,
    describe_error,
    may_pass,
    open_system,
)
from edgeseg.errors import EdgesegError, PhotoError, SystemSetupError, escape_text
from edgeseg.imaging.photo import read_photo_stream
from edgeseg.system.files import commit, temporary_beside, write_errors_named

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")

ATTEMPTS = 6
FIRST_PAUSE_S = 0.5
"""Seconds before the second attempt. Each later pause is twice as long as the previous pause."""

GIVE_UP_S = 240.0
"""Seconds after which a request is not repeated. Workers without progress end after 600 s."""


class StorageError(EdgesegError):
    """A remote file cannot be read, written or listed. The message contains the URL."""

    exit_code = SystemSetupError.exit_code


def read_remote_photograph(url: str) -> bytes:
    """Read a photograph.

    Raises:
        PhotoError: The file cannot be read after several attempts, or is too large.
    """
    try:
        return read_file(url)
    except StorageError as error:
        raise PhotoError(str(error), "unreadable") from error


def read_file(url: str) -> bytes:
    """Read a file. Files that are too large for a photograph are rejected.

    Raises:
        StorageError: The file cannot be read.
        PhotoError: The file is too large.
    """
    return _repeat(url, "cannot be read", partial(_read, url=url))


def download_file(url: str, file: Path) -> None:
    """Copy a file of any size to this machine.

    Raises:
        StorageError: The file cannot be read.
        SystemSetupError: The copy cannot be written.
    """

    def download(system: "AbstractFileSystem", path: str) -> None:
        system.get_file(path, str(temporary))
        if temporary.stat().st_size != system.size(path):
            raise EOFError

    with write_errors_named(file), temporary_beside(file) as (temporary, stream):
        _repeat(url, "cannot be read", download)
        commit(temporary, stream, file)


def write_file(url: str, data: bytes) -> None:
    """Write or replace a file. The file is visible only when it is complete.

    Raises:
        StorageError: The file cannot be written.
    """
    _repeat(url, "cannot be written", partial(_write, data=data))


def create_file(url: str, data: bytes) -> bool:
    """Write a file unless it exists.

    S3 and Google Cloud Storage ensure that only one process creates the file.

    Returns:
        False if the file exists.

    Raises:
        StorageError: The file cannot be written.
    """
    if _repeat(url, "cannot be read", _exists):
        return False

    def create(system: "AbstractFileSystem", path: str) -> bool:
        if _is_sftp(system):
            _write(system, path, data)
            return True
        try:
            system.pipe_file(path, data, mode="create")
        except FileExistsError:
            return False
        return True

    return _repeat(url, "cannot be written", create)


def list_files(url: str) -> list[str]:
    """Return the URLs of the files below a folder. The list is empty if the folder does not exist.

    Raises:
        StorageError: The folder cannot be listed.
    """
    found = _repeat(url, "cannot be listed", _find)
    return [_with_host(url, one) for one in found]


def match_files(pattern: str) -> list[str]:
    """Return the URLs of the files that match a pattern.

    Raises:
        StorageError: The folders cannot be listed.
    """
    found = _repeat(pattern, "cannot be listed", _glob)
    return [_with_host(pattern, one) for one in found]


def _read(system: "AbstractFileSystem", path: str, url: str) -> bytes:
    is_web = urlsplit(url).scheme.startswith("http")
    # By default, fsspec first requests the size. If this request fails, fsspec reports a missing
    # file, so that the request would not be repeated.
    options = {"block_size": 0, "size": 1} if is_web else {"block_size": BLOCK_BYTES}
    with system.open(path, "rb", **options) as file:
        data = read_photo_stream(file, url)
        size = getattr(file, "size", None)
    if size is not None and len(data) != size and not is_web:
        raise EOFError
    return data


def _exists(system: "AbstractFileSystem", path: str) -> bool:
    """Return whether a file exists. `exists` of fsspec returns False for a lost connection."""
    try:
        system.info(path)
    except FileNotFoundError:
        return False
    return True


def _find(system: "AbstractFileSystem", path: str) -> list[str]:
    if not _is_sftp(system):
        return list(system.find(path))
    if not _exists(system, path):
        return []
    if system.info(path)["type"] == "file":
        return [path]
    return list(system.find(path, on_error="raise"))  # by default, folders with errors are omitted


def _glob(system: "AbstractFileSystem", path: str) -> list[str]:
    options = {"on_error": "raise"} if _is_sftp(system) else {}
    return list(system.glob(path, **options))


def _write(system: "AbstractFileSystem", path: str, data: bytes) -> None:
    if not _is_sftp(system):
        system.pipe_file(path, data)
        return
    system.makedirs(posixpath.dirname(path), exist_ok=True)
    temporary = f"{path}.{random.getrandbits(64):016x}.tmp"
    system.pipe_file(temporary, data)
    system.mv(temporary, path)


def _is_sftp(system: "AbstractFileSystem") -> bool:
    return "sftp" in system.protocol


def _with_host(url: str, path: str) -> str:
    """Return the URL for a path of fsspec. With SFTP, this path contains no host."""
    parts = urlsplit(url, allow_fragments=False)
    if parts.scheme == "sftp":
        return f"sftp://{parts.netloc}{path}"
    if parts.scheme.startswith("http"):
        return path
    return f"{parts.scheme}://{path}"


def _repeat(url: str, problem: str, action: Callable[["AbstractFileSystem", str], T]) -> T:
    """Repeat a request that fails for a temporary reason.

    Args:
        url: URL of the file or folder.
        problem: description of the failure, for messages.
        action: function that is called with the file system and the path in this file system.
    """
    pause = FIRST_PAUSE_S
    deadline = time.monotonic() + GIVE_UP_S
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action(*open_system(url))
        except EdgesegError:
            raise
        except Exception as error:  # each library has its own exceptions
            if attempt == ATTEMPTS or time.monotonic() > deadline or not may_pass(error):
                reason = describe_error(error)
                raise StorageError(f"{escape_text(url, 500)}: {problem} ({reason}).") from None
        close_systems(url)
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - not a secret
        pause *= 2
    raise AssertionError
