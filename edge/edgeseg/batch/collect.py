"""Inputs of a job: a folder with its sub-folders, a pattern, or a manifest."""

import glob
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from edgeseg.batch.job_input import JobInput
from edgeseg.batch.locations import is_remote, url_path
from edgeseg.batch.manifest import Manifest, read_manifest
from edgeseg.batch.manifest_table import ManifestColumn
from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.imaging.file_signatures import IMAGE_FORMATS
from edgeseg.run.inputs import FolderScanner, SkippedFiles, path_text
from edgeseg.run.inputs.file_kind import FileKind, classify_file
from edgeseg.run.inputs.folder import natural_order
from edgeseg.run.inputs.names import PlacedFile, distinct_stems, place_below_common_folder
from edgeseg.system.names import name_key

_PAGE = re.compile(r"(.*)_p[0-9]{4,}(_[0-9]+)?")


class Cohort(NamedTuple):
    """Inputs of a job.

    Attributes:
        inputs: photographs in the order of the table.
        skipped: files that are not segmented.
        columns: columns of the manifest; empty if the input is not a manifest.
        renamed: number of photographs whose result names differ from the stem of the file, because
            another photograph has the same stem.
    """

    inputs: list[JobInput]
    skipped: SkippedFiles
    columns: tuple[ManifestColumn, ...]
    renamed: int


def collect_cohort(argument: str, known: Collection[str] = frozenset()) -> Cohort:
    """Return the inputs of a folder, a pattern or a manifest.

    Args:
        argument: folder, pattern or manifest.
        known: paths of files that are known to be photographs. These files are not read.

    Raises:
        UsageError: The argument does not exist or contains no photograph, or the manifest is
            invalid.
        SystemSetupError: A folder cannot be read.
    """
    if is_remote(argument):
        return _collect_remote(argument)
    path = Path(argument)
    if os.path.isdir(argument):  # noqa: PTH112 - False for a name that is too long
        return _collect_folder(path, known)
    if not os.path.lexists(argument) and glob.has_magic(argument):
        return _collect_pattern(argument, known)
    return _from_manifest(path, read_manifest(path))


def _collect_remote(argument: str) -> Cohort:
    from edgeseg.batch.collect_remote import (  # noqa: PLC0415 - needs fsspec
        find_photographs,
        is_manifest_url,
        read_remote_manifest,
    )

    if is_manifest_url(argument):
        return _from_manifest(url_path(argument), read_remote_manifest(argument))
    urls, placed = find_photographs(argument)
    stems = _distinct_stems(placed)
    inputs = [JobInput(url, url, stem) for url, stem in zip(urls, stems, strict=True)]
    return Cohort(inputs, SkippedFiles(), (), _count_renamed(placed, stems))


def _collect_folder(folder: Path, known: Collection[str]) -> Cohort:
    try:
        listing = FolderScanner(recursive=True, known=known).scan(folder)
        if listing.errors:
            raise listing.errors[0]
    except OSError as error:
        unreadable = path_text(Path(error.filename or folder))
        raise SystemSetupError(
            f"{unreadable}: folder cannot be read ({error.strerror}). Check the permissions."
        ) from error
    return _from_files(str(folder), listing.placed(folder), listing.skipped)


def _collect_pattern(pattern: str, known: Collection[str]) -> Cohort:
    skipped = SkippedFiles()
    base = Path(pattern)
    while glob.has_magic(str(base)):
        base = base.parent
    placed: list[PlacedFile] = []
    found = map(Path, glob.iglob(pattern, recursive=True))  # noqa: PTH207 - keeps `./` and `..`
    for path in sorted(found, key=lambda path: [natural_order(Path(part)) for part in path.parts]):
        if path.is_dir():
            continue
        kind: FileKind = "other"
        if str(path) in known:
            kind = "photograph"
        elif path.is_file() or path.is_symlink():
            kind = classify_file(path)
        if kind == "photograph":
            placed.append(PlacedFile(path, path.parent.relative_to(base)))
        else:
            skipped.add(path, kind)
    return _from_files(pattern, placed, skipped)


def _from_files(argument: str, placed: list[PlacedFile], skipped: SkippedFiles) -> Cohort:
    if not placed:
        found = skipped.describe()
        raise UsageError(
            f"{argument}: no photographs found{f' (skipped: {found})' if found else ''}. "
            f"Specify {IMAGE_FORMATS} files."
        )
    stems = _distinct_stems(placed)
    inputs: list[JobInput] = []
    for file, stem in zip(placed, stems, strict=True):
        assert file.path is not None
        path = os.path.abspath(file.path)  # noqa: PTH100 - links are not resolved
        inputs.append(JobInput(path_text(file.path), path, stem))
    return Cohort(inputs, skipped, (), _count_renamed(placed, stems))


def _from_manifest(file: Path, manifest: Manifest) -> Cohort:
    placed = _place_rows(file, manifest)
    stems = _distinct_stems(placed)
    inputs: list[JobInput] = []
    for row, stem in zip(manifest.rows, stems, strict=True):
        name = row.location if is_remote(row.location) else path_text(row.path)
        inputs.append(JobInput(name, row.location, stem, row.eye, row.um_per_px, row.values))
    return Cohort(inputs, SkippedFiles(), manifest.columns, _count_renamed(placed, stems))


def _place_rows(file: Path, manifest: Manifest) -> list[PlacedFile]:
    """Make the paths relative to the manifest's folder.

    If a photograph is outside this folder, the paths are relative to the deepest common folder.
    """
    base = os.path.abspath(file.parent)  # noqa: PTH100 - links are not resolved
    placed: list[PlacedFile] = []
    for row in manifest.rows:
        parent = os.path.abspath(row.path.parent)  # noqa: PTH100 - links are not resolved
        folder = Path(os.path.relpath(parent, base))
        if folder.parts[:1] == (os.pardir,):
            return place_below_common_folder([PlacedFile(row.path) for row in manifest.rows])
        placed.append(PlacedFile(row.path, folder))
    return placed


def _distinct_stems(placed: Sequence[PlacedFile]) -> list[str]:
    """Return distinct stems that also differ from those of pages, such as `NAME_p0002`.

    Any file may contain several pages, because the suffix does not determine the format.
    """
    stems = distinct_stems(placed)
    taken = {name_key(stem) for stem in stems}
    for index, stem in enumerate(stems):
        page = _PAGE.fullmatch(stem)
        if page is None or name_key(page[1]) not in taken:
            continue
        number = 1
        while name_key(stems[index]) in taken:
            number += 1
            stems[index] = f"{stem}-{number}"
        taken.add(name_key(stems[index]))
    return stems


def _count_renamed(placed: Sequence[PlacedFile], stems: Sequence[str]) -> int:
    names = [file.stem() for file in placed]
    return sum(name != stem for name, stem in zip(names, stems, strict=True))
