"""Files in remote storage. Only this module requires fsspec.

Every request has a time limit and is repeated a few times. Messages contain the URL and the kind of
error. They do not contain text from the libraries, which may include credentials.
"""

import logging
import posixpath
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from edgeseg.batch.locations import is_remote
from edgeseg.errors import EdgesegError, PhotoError, SystemSetupError, escape_text, missing_extra
from edgeseg.imaging.decoder import MAX_FILE_BYTES
from edgeseg.imaging.photo import read_photo_stream
from edgeseg.system.files import commit, temporary_beside, write_errors_named

try:
    import aiohttp
    import fsspec
    import paramiko
except ModuleNotFoundError as error:
    raise missing_extra("a URL", "cluster", "fsspec") from error

T = TypeVar("T")

ATTEMPTS = 6
FIRST_PAUSE_S = 0.5
"""Pause before the second attempt. Each later pause is twice as long as the previous pause."""

CONNECT_S, READ_S, REQUEST_S = 10.0, 30.0, 180.0
# The libraries log exceptions whose text may contain credentials.
for _library in ("aiobotocore", "asyncio", "botocore", "fsspec", "gcsfs", "paramiko", "s3fs"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)

_BLOCK = MAX_FILE_BYTES + 1  # a photograph is read with one request
_FINAL_STATUS = (400, 401, 403, 404, 405, 410, 414)


class KnownHosts(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """Accept only SSH servers in ~/.ssh/known_hosts."""

    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        """Reject an unknown server."""
        try:
            known = paramiko.HostKeys(str(Path("~/.ssh/known_hosts").expanduser()))
        except OSError:
            known = paramiko.HostKeys()
        if not known.check(hostname, key):
            raise paramiko.BadHostKeyException(hostname, key, key)


_KNOWN_HOSTS = KnownHosts()


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
    return _repeat(url, "cannot be read", lambda: _read(url))


def download_file(url: str, file: Path) -> None:
    """Copy a file of any size to this machine.

    Raises:
        StorageError: The file cannot be read.
        SystemSetupError: The copy cannot be written.
    """
    system, path = _connect(url)

    def download(temporary: Path) -> None:
        system.get_file(path, str(temporary))
        if temporary.stat().st_size != system.size(path):
            raise EOFError

    with write_errors_named(file), temporary_beside(file) as (temporary, stream):
        _repeat(url, "cannot be read", lambda: download(temporary))
        commit(temporary, stream, file)


def write_file(url: str, data: bytes) -> None:
    """Write or replace a file. The file is visible only when it is complete.

    Raises:
        StorageError: The file cannot be written.
    """
    _repeat(url, "cannot be written", lambda: _write(url, data))


def create_file(url: str, data: bytes) -> bool:
    """Write a file unless it exists.

    S3 and Google Cloud Storage ensure that only one process creates the file.

    Returns: False if the file exists.

    Raises:
        StorageError: The file cannot be written.
    """
    system, path = _connect(url)
    if _repeat(url, "cannot be read", lambda: bool(system.exists(path))):
        return False

    def create() -> bool:
        _make_parent(system, path)
        try:
            system.pipe_file(path, data, mode="create")
        except FileExistsError:
            return False
        return True

    return _repeat(url, "cannot be written", create)


def list_files(url: str) -> list[str]:
    """Return the URLs of the files below a folder; none if the folder does not exist.

    Raises:
        StorageError: The folder cannot be listed.
    """
    system, path = _connect(url)
    found = _repeat(url, "cannot be listed", lambda: list(system.find(path)))
    return [_with_host(url, one) for one in found]


def match_files(pattern: str) -> list[str]:
    """Return the URLs of the files that match a pattern.

    Raises:
        StorageError: The folders cannot be listed.
    """
    system, path = _connect(pattern)
    found = _repeat(pattern, "cannot be listed", lambda: list(system.glob(path)))
    return [_with_host(pattern, one) for one in found]


def _connect(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    return _repeat(url, "cannot be reached", lambda: _open_system(url))


def _open_system(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Return the fsspec file system for a URL, and the path in this file system."""
    assert is_remote(url)
    scheme = urlsplit(url).scheme
    options: dict[str, dict[str, object]] = {
        "s3": {
            "use_listings_cache": False,
            "config_kwargs": {"connect_timeout": CONNECT_S, "read_timeout": READ_S},
        },
        "gs": {"use_listings_cache": False, "requests_timeout": READ_S},
        "sftp": {
            "host_key_policy": _KNOWN_HOSTS,
            "timeout": CONNECT_S,
            "banner_timeout": CONNECT_S,
            "auth_timeout": CONNECT_S,
        },
    }
    web = {
        "client_kwargs": {
            "timeout": aiohttp.ClientTimeout(REQUEST_S, sock_connect=CONNECT_S, sock_read=READ_S),
            "trust_env": True,  # use the credentials in ~/.netrc
        }
    }
    try:
        system, path = fsspec.core.url_to_fs(url, **options.get(scheme, web))
    except ImportError as error:
        raise missing_extra(f"{scheme}://", "cluster", str(error.name or scheme)) from error
    if scheme == "sftp":
        system.ftp.get_channel().settimeout(READ_S)
    return system, path


def _read(url: str) -> bytes:
    system, path = _open_system(url)
    is_web = urlsplit(url).scheme.startswith("http")
    with system.open(path, "rb", block_size=0 if is_web else _BLOCK) as file:
        data = read_photo_stream(file, url)
        size = getattr(file, "size", None)
    if size is not None and len(data) != size and not is_web:
        raise EOFError
    return data


def _write(url: str, data: bytes) -> None:
    system, path = _open_system(url)
    _make_parent(system, path)
    if urlsplit(url).scheme != "sftp":
        system.pipe_file(path, data)
        return
    temporary = f"{path}.{random.getrandbits(64):016x}.tmp"
    system.pipe_file(temporary, data)
    system.mv(temporary, path)


def _make_parent(system: fsspec.AbstractFileSystem, path: str) -> None:
    if system.protocol in ("sftp", ("sftp", "ssh")):
        system.makedirs(posixpath.dirname(path), exist_ok=True)


def _with_host(url: str, path: str) -> str:
    """Return the URL for a path of fsspec. With SFTP, this path contains no host."""
    parts = urlsplit(url, allow_fragments=False)
    if parts.scheme == "sftp":
        return f"sftp://{parts.netloc}{path}"
    if parts.scheme.startswith("http"):
        return path
    return f"{parts.scheme}://{path}"


def _repeat(url: str, problem: str, action: Callable[[], T]) -> T:
    """Repeat a request that fails for a temporary reason."""
    pause = FIRST_PAUSE_S
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except EdgesegError:
            raise
        except Exception as error:  # each library has its own exceptions
            if attempt == ATTEMPTS or not _may_pass(error):
                reason = _describe(error)
                raise StorageError(f"{escape_text(url, 500)}: {problem} ({reason}).") from None
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - not a secret
        pause *= 2
    raise AssertionError


def _may_pass(error: Exception) -> bool:
    if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError, ValueError)):
        return False
    if type(error).__name__ in (
        "NoCredentialsError",
        "AuthenticationException",
        "BadHostKeyException",
    ):
        return False
    return getattr(error, "status", None) not in _FINAL_STATUS


def _describe(error: Exception) -> str:
    """Describe an error without text that may contain credentials."""
    status = getattr(error, "status", None)
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "no permission; check the credentials in the environment"
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "no response within the time limit"
    if isinstance(error, (EOFError, aiohttp.ClientPayloadError)):
        return "the response is truncated"
    if isinstance(error, paramiko.BadHostKeyException):
        return "the host is not in ~/.ssh/known_hosts"
    return type(error).__name__ if status is None else f"HTTP status {status}"
