"""Local paths and URLs of remote storage.

A URL begins with `s3://`, `gs://`, `sftp://` or `https://`. `http://` is only for this machine.
Credentials are read from the environment. A URL must not contain credentials, because the job and
the table contain the URLs.
"""

import posixpath
import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from edgeseg.errors import UsageError, escape_text
from edgeseg.imaging.photo import read_photo_bytes
from edgeseg.system.hosts import is_loopback

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_SCHEMES = ("s3", "gs", "sftp", "https", "http")


def is_remote(location: str) -> bool:
    """Return whether a location is a URL."""
    return _URL.match(location) is not None


def check_url(url: str) -> None:
    """Check a URL.

    Raises:
        UsageError: The URL has an unknown scheme or no host, contains credentials, or is not
            encrypted. The message does not contain the credentials.
    """
    try:
        parts = urlsplit(url)
        host, password = parts.hostname, parts.password
    except ValueError:
        raise UsageError("the URL is invalid. Correct it.") from None
    shown = escape_text(f"{parts.scheme}://{host}{parts.path}", 300)
    if parts.scheme not in _SCHEMES:
        raise UsageError(f"{shown}: unknown type of URL. Use s3://, gs://, sftp:// or https://.")
    is_key = parts.username is not None and parts.scheme != "sftp"
    if password is not None or is_key or (parts.query and parts.scheme in ("http", "https")):
        raise UsageError(
            f"{shown}: the URL contains a user name, a password or a query, which would be "
            "visible in the results. Remove it. Credentials are read from the environment."
        )
    if not host:
        raise UsageError(f"{shown}: the URL has no host or bucket. Correct it.")
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(f"{shown}: the connection is not encrypted. Use https://.")


def join_url(folder: str, name: str) -> str:
    """Return the URL of a file in a folder."""
    parts: SplitResult = urlsplit(folder, allow_fragments=False)
    path = posixpath.normpath(posixpath.join(parts.path or "/", name))
    return f"{parts.scheme}://{parts.netloc}{path}"


def url_path(url: str) -> Path:
    """Return a path for a URL. The names of the results are derived from this path."""
    scheme, rest = url.split("://", 1)
    if scheme.startswith("http"):
        rest = unquote(rest)
    return Path("/", scheme, posixpath.normpath(f"/{rest}").lstrip("/"))


def read_photograph(location: str, name: str | None = None) -> bytes:
    """Read the bytes of a photograph file.

    Args:
        location: path or URL.
        name: name of a local photograph in error messages; None to use the path.

    Raises:
        PhotoError: The file cannot be read, or is too large for a photograph.
    """
    if not is_remote(location):
        return read_photo_bytes(Path(location), name)
    from edgeseg.batch.storage import read_remote_photograph  # noqa: PLC0415 - needs fsspec

    return read_remote_photograph(location)
