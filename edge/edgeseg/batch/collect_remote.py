"""Collect photographs of a remote store: a folder, a pattern, or a manifest."""

import glob
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from edgeseg.batch.locations import check_url, url_path
from edgeseg.batch.manifest import Manifest, read_manifest
from edgeseg.batch.storage import list_files, match_files, read_file
from edgeseg.errors import PhotoError, UsageError
from edgeseg.imaging.photo import PHOTOGRAPH_SUFFIXES
from edgeseg.run.inputs.folder import natural_order
from edgeseg.run.inputs.names import PlacedFile

_MANIFEST_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")


def is_manifest_url(url: str) -> bool:
    """Return whether a URL is that of a manifest: by its suffix, or because it is HTTP."""
    return url.startswith("http") or url.lower().endswith(_MANIFEST_SUFFIXES)


def read_remote_manifest(url: str) -> Manifest:
    """Read a manifest, whose relative paths are relative to its URL.

    Raises:
        UsageError: It is invalid or cannot be read.
    """
    check_url(url)
    try:
        data = read_file(url)
    except PhotoError as error:
        raise UsageError(f"{url}: too large for a manifest. Copy it to this machine.") from error
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        file = Path(folder) / PurePosixPath(url).name
        file.write_bytes(data)
        try:
            return read_manifest(file, url.rpartition("/")[0] + "/")
        except UsageError as error:
            raise UsageError(str(error).replace(str(file), url)) from error


def find_photographs(argument: str) -> tuple[list[str], list[PlacedFile]]:
    """Find the photographs of a folder or a pattern, by the suffixes of their names.

    Returns:
        URLs of the photographs, and the folders of their results.

    Raises:
        UsageError: There are no photographs.
    """
    check_url(argument)
    base = argument.rstrip("/")
    if glob.has_magic(argument):
        urls = match_files(argument)
        while glob.has_magic(base):
            base = base.rpartition("/")[0]
    else:
        urls = list_files(argument)
    urls = _sort([url for url in urls if url.lower().endswith(PHOTOGRAPH_SUFFIXES)])
    if not urls:
        raise UsageError(f"{argument}: no photographs found. Check the URL.")
    placed: list[PlacedFile] = []
    for url in urls:
        path = url_path(url)
        placed.append(PlacedFile(path, path.parent.relative_to(url_path(base))))
    return urls, placed


def _sort(urls: Sequence[str]) -> list[str]:
    return sorted(urls, key=lambda url: [natural_order(Path(part)) for part in url.split("/")])
