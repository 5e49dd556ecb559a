"""The user's own photographs: `images/`, `masks/`, optional `fov/` and `split.csv`."""

import csv
from pathlib import Path
from typing import cast, get_args

from edgeseg.datasets.pair import FilePair, Split
from edgeseg.errors import SystemSetupError
from edgeseg.imaging.file_signatures import SIGNATURE_BYTES, is_dicom
from edgeseg.imaging.photo import is_photograph, photo_stem
from edgeseg.system.names import name_key
from edgeseg.system.regular_files import open_regular_file, read_regular_file

LAYOUT = "images/NAME.png and masks/NAME.png with equal names (any image format; fov/ is optional)"

_MAX_NAMES = 5


def read_pairs(folder: Path) -> list[FilePair]:
    """Match the files of `images/`, `masks/` and `fov/` by stem. Hidden files are ignored.

    Stems that differ only in case or in the Unicode form of an accent are equal. The split is read
    from `split.csv` (columns stem,split). Without this file, the split is None; see
    `edgeseg.datasets.select_split`.

    Raises:
        SystemSetupError: A file is missing, a stem exists twice, or `split.csv` is invalid.
    """
    photos = _files_by_stem(folder / "images")
    masks = _files_by_stem(folder / "masks")
    fovs = _files_by_stem(folder / "fov")
    if not photos:
        raise SystemSetupError(f"{folder}: no photographs found. Expected layout: {LAYOUT}.")
    for key, photo in photos.items():
        if key not in masks:
            raise SystemSetupError(
                f"{photo}: no mask with this name in {folder / 'masks'}. Expected layout: {LAYOUT}."
            )
        if fovs and key not in fovs:
            raise SystemSetupError(
                f"{photo}: no field of view in {folder / 'fov'}. Add a field of view for every "
                "photograph."
            )
    splits = _read_splits(folder / "split.csv", photos)
    return [
        FilePair(photo_stem(photo), splits.get(key), photo, masks[key], fovs.get(key))
        for key, photo in photos.items()
    ]


def describe_orphans(folder: Path) -> str:
    """List the masks and fields of view without a photograph; empty if there are none.

    Raises:
        SystemSetupError: A stem exists twice.
    """
    photos = _files_by_stem(folder / "images")
    orphans: list[str] = []
    for part in ("masks", "fov"):
        for key, file in _files_by_stem(folder / part).items():
            if key not in photos:
                orphans.append(f"{part}/{file.name}")
    if not orphans:
        return ""
    names = ", ".join(orphans[:_MAX_NAMES])
    more = len(orphans) - _MAX_NAMES
    if more > 0:
        names += f" and {more} more"
    return f"no photograph in images/ for {names}"


def _files_by_stem(folder: Path) -> dict[str, Path]:
    """Return a dict from normalized stem (`name_key`) to image file, sorted by file name."""
    files: dict[str, Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.name.startswith(".") or not file.is_file() or not _is_image(file):
            continue
        key = name_key(photo_stem(file))
        if key in files:
            raise SystemSetupError(f"{file} and {files[key]}: same name. Remove one of the files.")
        files[key] = file
    return files


def _is_image(file: Path) -> bool:
    """Return whether a file has the suffix of an image or the content of a DICOM file."""
    if is_photograph(file):
        return True
    try:
        with open_regular_file(file) as stream:
            return is_dicom(stream.read(SIGNATURE_BYTES))
    except OSError:
        return False


def _read_splits(file: Path, photos: dict[str, Path]) -> dict[str, Split]:
    """Return a dict from photograph key to split, or an empty dict if the file does not exist."""
    if not file.exists():
        return {}
    try:
        text = read_regular_file(file).decode("utf-8-sig")
        reader = csv.DictReader(text.splitlines())
        rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SystemSetupError(
            f"{file}: cannot be read ({error}). Expected columns: stem,split."
        ) from error
    if not {"stem", "split"} <= set(reader.fieldnames or ()):
        raise SystemSetupError(f"{file}: invalid first line. Expected: stem,split.")
    splits: dict[str, Split] = {}
    for row in rows:
        stem = (row["stem"] or "").strip()
        split = (row["split"] or "").strip()
        key = name_key(stem)
        if key not in photos or split not in get_args(Split):
            raise SystemSetupError(
                f"{file}: invalid row '{stem},{split}'. Expected the stem of a photograph and "
                "train, validation or test."
            )
        if splits.get(key, split) != split:
            raise SystemSetupError(f"{file}: '{stem}' is in two splits. Remove one of the rows.")
        splits[key] = cast("Split", split)
    missing = [photo_stem(photo) for key, photo in photos.items() if key not in splits]
    if missing:
        raise SystemSetupError(
            f"{file}: no split for {', '.join(missing[:5])}. Add a row for every photograph."
        )
    return splits
