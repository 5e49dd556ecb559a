"""Collection of photographs from remote storage: a folder, a pattern, or a manifest."""

import glob
import tempfile
from pathlib import Path, PurePosixPath

from edgeseg.batch.locations import check_url, url_path
from edgeseg.batch.manifest import Manifest, read_manifest
from edgeseg.batch.storage import list_files, match_files, read_file
from edgeseg.errors import PhotoError, UsageError
from edgeseg.imaging.photo import PHOTOGRAPH_SUFFIXES
from edgeseg.run.inputs.folder import natural_order
from edgeseg.run.inputs.names import PlacedFile, is_result_name

_MANIFEST_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")


def is_manifest_url(url: str) -> bool:
    """Return whether a URL is an HTTP URL or has the suffix of a manifest."""
    return url.startswith("http") or url.lower().endswith(_MANIFEST_SUFFIXES)


def read_remote_manifest(url: str) -> Manifest:
    """Read a remote manifest. Relative paths refer to the folder of the manifest.

    Raises:
        UsageError: The manifest is invalid or cannot be read.
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
    """Find the photographs in a folder or for a pattern. Photographs are recognized by suffix.

    Returns:
        URLs of the photographs, and the result folder of each photograph.

    Raises:
        UsageError: There are no photographs.
    """
    check_url(argument)
    base = argument.rstrip("/")
    if glob.has_magic(argument):
        urls = sorted(filter(_is_photograph, match_files(argument)), key=_pattern_order)
        while glob.has_magic(base):
            base = base.rpartition("/")[0]
    else:
        urls = sorted(filter(_is_photograph, list_files(argument)), key=_folder_order)
    if not urls:
        raise UsageError(f"{argument}: no photographs found. Check the URL.")
    placed: list[PlacedFile] = []
    for url in urls:
        path = url_path(url)
        placed.append(PlacedFile(path, path.parent.relative_to(url_path(base))))
    return urls, placed


def _is_photograph(url: str) -> bool:
    name = PurePosixPath(url).name
    is_hidden = name.startswith(".") or is_result_name(Path(name))
    return name.lower().endswith(PHOTOGRAPH_SUFFIXES) and not is_hidden


def _pattern_order(url: str) -> list[tuple[list[str | int], str]]:
    return [natural_order(Path(part)) for part in url.split("/")]


def _folder_order(url: str) -> list[tuple[bool, tuple[list[str | int], str]]]:
    """Sort the files of each folder before its sub-folders, like `FolderScanner`."""
    *folders, name = _pattern_order(url)
    return [*((True, folder) for folder in folders), (False, name)]
