"""Photographs in a folder and its sub-folders."""

import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeAlias

from edgeseg.device.cpu import usable_cores
from edgeseg.imaging.photo import is_photograph
from edgeseg.run.inputs.file_kind import FileKind, classify_file
from edgeseg.run.inputs.input import Input, path_text
from edgeseg.run.inputs.names import PlacedFile, distinct_stems
from edgeseg.run.inputs.skipped import SkippedFiles

_DIGITS = re.compile(r"([0-9]+)")
# Files of operating systems. They are skipped without a message.
_SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", ".ds_store", ".directory", ".localized"})
_SYSTEM_PREFIXES = ("._", ".edgeseg", ".fseventsd", ".trash", ".spotlight")

_FileState: TypeAlias = tuple[int, int, int]
"""State of a file: size in bytes, modification time in nanoseconds, inode."""


class FolderListing(NamedTuple):
    """Content of a folder.

    Attributes:
        photographs: photographs in natural order (2 before 10). Photographs in a folder precede
            photographs in its sub-folders.
        skipped: other files, and sub-folders that were not listed.
        errors: errors of sub-folders that cannot be read.
    """

    photographs: list[Path]
    skipped: SkippedFiles
    errors: list[OSError]

    def placed(self, folder: Path) -> list[PlacedFile]:
        """Return the photographs and their folders, relative to the listed folder."""
        return [PlacedFile(path, path.parent.relative_to(folder)) for path in self.photographs]

    def inputs(self, folder: Path) -> list[Input]:
        """Return the photographs of the listed folder as inputs."""
        stems = distinct_stems(self.placed(folder))
        pairs = zip(self.photographs, stems, strict=True)
        return [Input(path_text(path), stem, path) for path, stem in pairs]


class FolderScanner:
    """Scanner for the photographs in a folder. It can be used repeatedly for a watched folder.

    The kind of a file is determined again only if the file has changed.

    Args:
        recursive: whether to list sub-folders. Links to folders are followed.
        known: paths of known photographs. These files are not read.
    """

    def __init__(self, recursive: bool = False, known: Collection[str] = frozenset()) -> None:
        self.recursive = recursive
        self._known = known
        self._kinds: dict[Path, tuple[_FileState, FileKind]] = {}
        self._previous_kinds = self._kinds

    def scan(self, folder: Path) -> FolderListing:
        """List a folder.

        Hidden files and folders are skipped. Each link is a separate photograph with its own name.

        Raises:
            OSError: The folder cannot be read.
        """
        listing = FolderListing([], SkippedFiles(), [])
        self._previous_kinds, self._kinds = self._kinds, {}
        self._scan(folder, (_folder_identity(folder),), listing)
        return listing

    def _scan(
        self, folder: Path, parents: tuple[tuple[int, int], ...], listing: FolderListing
    ) -> None:
        folders: list[Path] = []
        files: list[Path] = []
        for path in sorted(folder.iterdir(), key=natural_order):
            if _is_hidden(path):
                _count_hidden(path, listing.skipped)
            elif path.is_dir():
                folders.append(path)
            else:
                files.append(path)
        # Files that may be masks are decoded. Decoding releases the GIL.
        with ThreadPoolExecutor(usable_cores()) as pool:
            for path, kind in zip(files, pool.map(self._kind, files), strict=True):
                if kind == "photograph":
                    listing.photographs.append(path)
                else:
                    listing.skipped.add(path, kind)
        for path in folders:
            if not self.recursive:
                listing.skipped.add(path, "folder")
                continue
            try:
                identity = _folder_identity(path)
                if identity in parents:  # a link to a parent folder would cause an endless loop
                    listing.skipped.add(path, "loop")
                    continue
                self._scan(path, (*parents, identity), listing)
            except OSError as error:
                listing.errors.append(error)

    def _kind(self, path: Path) -> FileKind:
        if str(path) in self._known:
            return "photograph"
        try:
            status = path.stat()
        except OSError:  # a broken link, or a file that was just deleted
            is_input = path.is_symlink() and is_photograph(path)
            return "photograph" if is_input else "other"
        state = (status.st_size, status.st_mtime_ns, status.st_ino)
        known = self._previous_kinds.get(path)
        if known is None or known[0] != state:
            kind = classify_file(path) if path.is_file() else "other"  # not a pipe or device
            known = (state, kind)
        self._kinds[path] = known
        return known[1]


def _folder_identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name.casefold() in _SYSTEM_NAMES


def _count_hidden(path: Path, skipped: SkippedFiles) -> None:
    """Count a hidden file unless the operating system or edgeseg wrote it."""
    name = path.name.casefold()
    is_system = name in _SYSTEM_NAMES or name.startswith(_SYSTEM_PREFIXES)
    if not is_system and not path.is_dir():
        skipped.add(path, "hidden")


def natural_order(path: Path) -> tuple[list[str | int], str]:
    """Return the key for sorting files by name in natural order (2 before 10)."""
    parts: list[str | int] = list(_DIGITS.split(path.name.casefold()))
    parts[1::2] = map(int, parts[1::2])
    return parts, path.name
