"""Connections to remote storage: time limits, and checks of servers. Requires fsspec."""

import logging
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urljoin, urlsplit

from edgeseg.batch.locations import is_remote
from edgeseg.errors import missing_extra
from edgeseg.imaging.decoder import MAX_FILE_BYTES
from edgeseg.system.hosts import is_loopback

try:
    import aiohttp
    import fsspec
    import paramiko
except ModuleNotFoundError as error:
    raise missing_extra("a URL", "cluster", "fsspec") from error

CONNECT_S, READ_S, REQUEST_S = 10.0, 30.0, 180.0
BLOCK_BYTES = MAX_FILE_BYTES + 1
"""Size of a block, larger than any accepted photograph, so that one request reads a file."""

# The libraries log exceptions whose text may contain credentials.
for _library in ("aiobotocore", "asyncio", "botocore", "fsspec", "gcsfs", "paramiko", "s3fs"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)


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


class InsecureRedirectError(ValueError):
    """A server redirects to a connection that is not encrypted."""


async def _check_redirect(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    redirect: aiohttp.TraceRequestRedirectParams,
) -> None:
    location = redirect.response.headers.get("Location", "")
    target = urlsplit(urljoin(str(redirect.url), location))
    if target.scheme != "https" and not is_loopback(target.hostname or ""):
        raise InsecureRedirectError


_KNOWN_HOSTS = KnownHosts()
_REDIRECTS = aiohttp.TraceConfig()
_REDIRECTS.on_request_redirect.append(_check_redirect)

_TOO_SLOW = "no response within the time limit"
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (FileNotFoundError, "no such file"),
    (PermissionError, "no permission; check the credentials in the environment"),
    (TimeoutError, _TOO_SLOW),
    (EOFError, "the response is truncated"),
    (aiohttp.ClientPayloadError, "the response is truncated"),
    (paramiko.BadHostKeyException, "the host is not in ~/.ssh/known_hosts"),
    (InsecureRedirectError, "the server redirects to a connection that is not encrypted"),
)


def open_system(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Return the fsspec file system for a URL, and the path in this file system."""
    assert is_remote(url)
    scheme = urlsplit(url).scheme.lower()
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
            "trace_configs": [_REDIRECTS],
        }
    }
    try:
        system, path = fsspec.core.url_to_fs(url, **options.get(scheme, web))
    except ImportError as error:
        raise missing_extra(f"{scheme}://", "cluster", str(error.name or scheme)) from error
    if scheme == "sftp":
        system.ftp.get_channel().settimeout(READ_S)
    return system, path


def close_systems(url: str) -> None:
    """Close the connections to an SFTP server. fsspec does not replace a lost connection."""
    if urlsplit(url).scheme == "sftp":
        fsspec.get_filesystem_class("sftp").clear_instance_cache()


def may_pass(error: Exception) -> bool:
    """Return whether a request that failed with this error may succeed later."""
    if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError, ValueError)):
        return False
    if type(error).__name__ in (
        "NoCredentialsError",
        "AuthenticationException",
        "BadHostKeyException",
    ):
        return False
    return getattr(error, "status", None) not in (400, 401, 403, 404, 405, 410, 414)


def describe_error(error: Exception) -> str:
    """Describe an error without text that may contain credentials."""
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    if "Timeout" in type(error).__name__:
        return _TOO_SLOW
    status = getattr(error, "status", None)
    return type(error).__name__ if status is None else f"HTTP status {status}"
