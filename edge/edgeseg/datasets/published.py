"""Readers of the published data sets in the layout of the download.

The split of DRIVE is published, and STARE is for testing only. The splits of CHASE_DB1, HRF and
FIVES are defined by this project.
"""

import re
from dataclasses import replace
from pathlib import Path

from edgeseg.datasets.pair import FilePair, Split
from edgeseg.errors import SystemSetupError

# This pattern skips the `._NAME` files of macOS.
_NOT_HIDDEN = "[!.]*"

# Number of photographs in `train/` of a complete FIVES download.
FIVES_TRAIN_COUNT = 600


def read_drive(folder: Path) -> list[FilePair]:
    """Read DRIVE (Staal et al. 2004). The splits are `training/` (train) and `test/` (test).

    Only the test set has a second observer.
    """
    pairs: list[FilePair] = []
    parts: tuple[tuple[str, Split], ...] = (("training", "train"), ("test", "test"))
    for part, split in parts:
        for photo in sorted((folder / part / "images").glob(f"{_NOT_HIDDEN}.tif")):
            number = photo.stem.split("_")[0]
            truth = folder / part / "1st_manual" / f"{number}_manual1.gif"
            fov = folder / part / "mask" / f"{photo.stem}_mask.gif"
            second = folder / part / "2nd_manual" / f"{number}_manual2.gif"
            pairs.append(FilePair(photo.stem, split, photo, truth, fov, second))
    return _require_pairs(
        pairs, folder, "DRIVE: training/ and test/ with images/*.tif, 1st_manual/*.gif, mask/*.gif"
    )


def read_stare(folder: Path) -> list[FilePair]:
    """Read STARE (Hoover et al. 2000). All photographs belong to the test split.

    The first observer is A. Hoover, and the second is V. Kouznetsova.
    """
    photos, second = folder / "stare-images", folder / "labels-vk"
    names = sorted({photo.name.split(".")[0] for photo in photos.glob("im*.ppm*")})
    pairs = [
        FilePair(
            name,
            "test",
            _first_existing(photos / f"{name}.ppm"),
            _first_existing(folder / "labels-ah" / f"{name}.ah.ppm"),
            second_file=_first_existing(second / f"{name}.vk.ppm", second / f"{name}.vk.pgm"),
        )
        for name in names
    ]
    return _require_pairs(
        pairs, folder, "STARE: stare-images/im0001.ppm(.gz), labels-ah/im0001.ah.ppm(.gz)"
    )


def read_chasedb1(folder: Path) -> list[FilePair]:
    """Read CHASE_DB1 (Fraz et al. 2012).

    Subjects 1 to 8 are used for training, 9 and 10 for validation, and 11 to 14 for testing.
    """
    pairs = [
        FilePair(
            photo.stem,
            _split_by_number(_first_number(photo.stem)),
            photo,
            photo.with_name(f"{photo.stem}_1stHO.png"),
            second_file=photo.with_name(f"{photo.stem}_2ndHO.png"),
        )
        for photo in sorted(folder.glob("Image_*.jpg"))
    ]
    return _require_pairs(pairs, folder, "CHASE_DB1: Image_01L.jpg and Image_01L_1stHO.png")


def read_hrf(folder: Path) -> list[FilePair]:
    """Read HRF (Budai et al. 2013).

    In each class, photographs 1 to 8 are used for training, 9 and 10 for validation, and 11 to 15
    for testing.
    """
    pairs = [
        FilePair(
            photo.stem,
            _split_by_number(_first_number(photo.stem)),
            photo,
            folder / "manual1" / f"{photo.stem}.tif",
            folder / "mask" / f"{photo.stem}_mask.tif",
        )
        for photo in sorted((folder / "images").glob(_NOT_HIDDEN))
        if photo.suffix.lower() == ".jpg"
    ]
    return _require_pairs(
        pairs, folder, "HRF: images/01_dr.JPG, manual1/01_dr.tif, mask/01_dr_mask.tif"
    )


def read_fives(folder: Path) -> list[FilePair]:
    """Read FIVES (Jin et al. 2022). The test split is `test/`.

    If `train/` is complete, the validation split is every fifth photograph of `train/`. If `train/`
    is incomplete, the validation split is the last fifth. Photographs are sorted by their numbers,
    which start again at 1 in `test/`.
    """
    train = _fives_pairs(folder / "train", "train")
    held_out = train[4::5]
    if len(train) < FIVES_TRAIN_COUNT:
        held_out = train[len(train) - len(train) // 5 :]
    pairs: list[FilePair] = []
    for pair in train:
        pairs.append(replace(pair, split="validation") if pair in held_out else pair)
    test = _fives_pairs(folder / "test", "test")
    pairs += [replace(pair, name=f"test_{pair.name}") for pair in test]
    return _require_pairs(
        pairs, folder, "FIVES: train/ and test/ with 'Original/1_A.png' and 'Ground truth/1_A.png'"
    )


def _fives_pairs(part: Path, split: Split) -> list[FilePair]:
    files = (part / "Original").glob(f"{_NOT_HIDDEN}.png")
    return [
        FilePair(file.stem, split, file, part / "Ground truth" / file.name)
        for file in sorted(files, key=lambda file: _first_number(file.stem))
    ]


def _first_number(stem: str) -> int:
    match = re.search(r"\d+", stem)
    return int(match.group()) if match else 0


def _split_by_number(number: int) -> Split:
    """Return this project's split of CHASE_DB1 and HRF."""
    if number <= 8:
        return "train"
    if number <= 10:
        return "validation"
    return "test"


def _first_existing(*files: Path) -> Path:
    """Return the first file that exists, plain or gzipped.

    If none exists, return the first file.
    """
    for file in files:
        for candidate in (file, file.with_name(f"{file.name}.gz")):
            if candidate.exists():
                return candidate
    return files[0]


def _require_pairs(pairs: list[FilePair], folder: Path, layout: str) -> list[FilePair]:
    if not pairs:
        raise SystemSetupError(f"{folder}: no photographs found. Expected layout: {layout}.")
    return pairs
