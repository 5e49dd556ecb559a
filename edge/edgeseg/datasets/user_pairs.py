"""The user's own photographs: `images/`, `masks/`, optional `fov/` and `split.csv`."""

import csv
from pathlib import Path
from typing import cast, get_args

from edgeseg.datasets.pair import FilePair, Split
from edgeseg.errors import SystemSetupError
from edgeseg.imaging.photo import is_photograph, photo_stem

LAYOUT = "images/NAME.png and masks/NAME.png with equal names (any image format; fov/ is optional)"


def read_pairs(folder: Path) -> list[FilePair]:
    """Match the files of `images/`, `masks/` and `fov/` by stem.

    The split comes from `split.csv` (columns stem,split). Without it, it is None; see
    `edgeseg.datasets.select_split`.

    Raises:
        SystemSetupError: a file is missing, a stem exists twice, or `split.csv` is invalid.
    """
    photos = _files_by_stem(folder / "images")
    masks = _files_by_stem(folder / "masks")
    fovs = _files_by_stem(folder / "fov")
    if not photos:
        raise SystemSetupError(f"{folder}: no photographs found. Expected layout: {LAYOUT}.")
    for stem, photo in photos.items():
        if stem not in masks:
            raise SystemSetupError(
                f"{photo}: no mask with this name in {folder / 'masks'}. Expected layout: {LAYOUT}."
            )
        if fovs and stem not in fovs:
            raise SystemSetupError(
                f"{photo}: no field of view in {folder / 'fov'}. Add one for every photograph."
            )
    splits = _read_splits(folder / "split.csv", set(photos))
    return [
        FilePair(stem, splits.get(stem), photos[stem], masks[stem], fovs.get(stem))
        for stem in sorted(photos)
    ]


def _files_by_stem(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        # macOS writes "._NAME" beside NAME on foreign file systems.
        if file.name.startswith("._") or not file.is_file() or not is_photograph(file):
            continue
        stem = photo_stem(file)
        if stem in files:
            raise SystemSetupError(f"{file} and {files[stem]}: same name. Remove one of them.")
        files[stem] = file
    return files


def _read_splits(file: Path, stems: set[str]) -> dict[str, Split]:
    """Read the split of every photograph; empty if the file does not exist."""
    if not file.exists():
        return {}
    try:
        reader = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines())
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
        if stem not in stems or split not in get_args(Split):
            raise SystemSetupError(
                f"{file}: invalid row '{stem},{split}'. Expected the stem of a photograph and "
                "train, validation or test."
            )
        if splits.get(stem, split) != split:
            raise SystemSetupError(f"{file}: '{stem}' is in two splits. Remove one of the rows.")
        splits[stem] = cast("Split", split)
    missing = sorted(stems - set(splits))
    if missing:
        raise SystemSetupError(
            f"{file}: no split for {', '.join(missing[:5])}. Add a row for every photograph."
        )
    return splits
