"""A user's own `images/`, `masks/` and optional `fov/`, matched by stem, with an optional `split.csv`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import cast, get_args

from edgeseg.datasets.pair import FilePair, Split
from edgeseg.errors import SystemSetupError
from edgeseg.imaging.photo import is_photograph, photo_stem

LAYOUT = "images/NAME.png and masks/NAME.png, the same name in both (any photograph format; fov/ is optional)"


def read_pairs(folder: Path) -> list[FilePair]:
    """`images/`, `masks/`, `fov/` matched by stem.

    `split` comes from `split.csv` (columns stem,split), else it is None: see `edgeseg.datasets.open_data`.
    """
    photos, masks, fields = (_by_stem(folder / part) for part in ("images", "masks", "fov"))
    if not photos:
        raise SystemSetupError(f"{folder}: no photographs found; expected {LAYOUT}")
    for stem, photo in photos.items():
        if stem not in masks:
            raise SystemSetupError(
                f"{photo}: no mask of that name in {folder / 'masks'}; expected {LAYOUT}"
            )
    if fields and (lacking := sorted(set(photos) - set(fields))):
        raise SystemSetupError(
            f"{photos[lacking[0]]}: no field of view in {folder / 'fov'}; give every photograph one"
        )
    splits = _read_splits(folder / "split.csv", set(photos))
    return [
        FilePair(stem, splits.get(stem), photos[stem], masks[stem], fields.get(stem))
        for stem in sorted(photos)
    ]


def _by_stem(part: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(part.iterdir()) if part.is_dir() else []:
        if file.name.startswith("._") or not file.is_file() or not is_photograph(file):
            continue  # "._NAME" is what a Mac leaves beside NAME on a memory stick
        if photo_stem(file) in found:
            raise SystemSetupError(
                f"{file} and {found[photo_stem(file)]} have the same name; keep one of them"
            )
        found[photo_stem(file)] = file
    return found


def _read_splits(file: Path, stems: set[str]) -> dict[str, Split]:
    if not file.exists():
        return {}
    try:
        reader = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines())
        rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SystemSetupError(
            f"{file}: cannot be read ({error}); expected the columns stem,split"
        ) from error
    if not {"stem", "split"} <= set(reader.fieldnames or ()):
        raise SystemSetupError(
            f"{file}: its first line is not 'stem,split', which the columns must be called"
        )
    splits: dict[str, Split] = {}
    for row in rows:
        stem, split = (row.get("stem") or "").strip(), (row.get("split") or "").strip()
        if stem not in stems or split not in get_args(Split):
            raise SystemSetupError(
                f"{file}: '{stem},{split}' does not fit; expected a photograph's stem and train, validation or test"
            )
        if splits.get(stem, split) != split:
            raise SystemSetupError(f"{file}: '{stem}' is in two splits; keep one")
        splits[stem] = cast("Split", split)
    missing = sorted(stems - set(splits))
    if missing:
        raise SystemSetupError(
            f"{file}: no split for {', '.join(missing[:5])}; give every photograph one"
        )
    return splits
