"""Readers of the published data sets, each in the layout of its own download.

Splits: CHASE_DB1, HRF and FIVES as this project trains on them; DRIVE by its own folders; STARE only tests.
"""

from __future__ import annotations

import re
from pathlib import Path

from edgeseg.datasets.pair import FilePair, Split
from edgeseg.errors import SystemSetupError

_ANY = "[!.]*"
"""Not what a Mac leaves beside the files on a memory stick (`._NAME`)."""


def read_drive(folder: Path) -> list[FilePair]:
    """DRIVE (Staal et al. 2004): `training/` is train, `test/` is test."""
    pairs: list[FilePair] = []
    parts: tuple[tuple[str, Split], ...] = (("training", "train"), ("test", "test"))
    for part, split in parts:
        for photo in sorted((folder / part / "images").glob(f"{_ANY}.tif")):
            number = photo.stem.split("_")[0]
            truth = folder / part / "1st_manual" / f"{number}_manual1.gif"
            fov = folder / part / "mask" / f"{photo.stem}_mask.gif"
            second = (
                folder / part / "2nd_manual" / f"{number}_manual2.gif" if split == "test" else None
            )
            pairs.append(FilePair(photo.stem, split, photo, truth, fov, second))
    return _whole(
        pairs, folder, "DRIVE: training/ and test/ with images/*.tif, 1st_manual/*.gif, mask/*.gif"
    )


def read_stare(folder: Path) -> list[FilePair]:
    """STARE (Hoover et al. 2000), labels of A. Hoover, V. Kouznetsova is the second: all of it is test."""
    names = sorted(
        {photo.name.split(".")[0] for photo in (folder / "stare-images").glob("im*.ppm*")}
    )
    pairs = [
        FilePair(
            name,
            "test",
            _either(folder / "stare-images" / f"{name}.ppm"),
            _either(folder / "labels-ah" / f"{name}.ah.ppm"),
            second_file=_either(
                *(folder / "labels-vk" / f"{name}.vk.{kind}" for kind in ("ppm", "pgm"))
            ),
        )
        for name in names
    ]
    return _whole(
        pairs, folder, "STARE: stare-images/im0001.ppm(.gz), labels-ah/im0001.ah.ppm(.gz)"
    )


def read_chasedb1(folder: Path) -> list[FilePair]:
    """CHASE_DB1 (Fraz et al. 2012), first observer: subjects 01-08 train, 09-10 validation, 11-14 test."""
    pairs = [
        FilePair(
            photo.stem,
            _by_number(number, 8, 10),
            photo,
            photo.with_name(f"{photo.stem}_1stHO.png"),
            second_file=photo.with_name(f"{photo.stem}_2ndHO.png"),
        )
        for photo in sorted(folder.glob("Image_*.jpg"))
        for number in [_number(photo.stem)]
    ]
    return _whole(pairs, folder, "CHASE_DB1: Image_01L.jpg beside Image_01L_1stHO.png")


def read_hrf(folder: Path) -> list[FilePair]:
    """HRF (Budai et al. 2013): of each class 01-08 train, 09-10 validation, 11-15 test."""
    pairs = [
        FilePair(
            photo.stem,
            _by_number(_number(photo.stem), 8, 10),
            photo,
            folder / "manual1" / f"{photo.stem}.tif",
            folder / "mask" / f"{photo.stem}_mask.tif",
        )
        for photo in sorted((folder / "images").glob(_ANY))
        if photo.suffix.lower() == ".jpg"
    ]
    return _whole(pairs, folder, "HRF: images/01_dr.JPG, manual1/01_dr.tif, mask/01_dr_mask.tif")


FIVES_TRAIN = 600
"""Photographs in the full download's `train/`."""


def read_fives(folder: Path) -> list[FilePair]:
    """FIVES (Jin et al. 2022): `test/` is test; of a full `train/` every fifth is validation, of a part the last fifth.

    In the order of the photographs' numbers, which start anew in `test/`.
    """
    train = _fives_part(folder / "train")
    full = len(train) >= FIVES_TRAIN
    held_out = {p[0] for p in (train[4::5] if full else train[len(train) - len(train) // 5 :])}
    pairs = [
        FilePair(name, "validation" if name in held_out else "train", *files)
        for name, *files in train
    ]
    pairs += [
        FilePair(f"test_{name}", "test", *files) for name, *files in _fives_part(folder / "test")
    ]
    return _whole(
        pairs, folder, "FIVES: train/ and test/ with 'Original/1_A.png' and 'Ground truth/1_A.png'"
    )


def _fives_part(part: Path) -> list[tuple[str, Path, Path]]:
    photos = sorted((part / "Original").glob(f"{_ANY}.png"), key=lambda file: _number(file.stem))
    return [(photo.stem, photo, part / "Ground truth" / photo.name) for photo in photos]


def _number(stem: str) -> int:
    found = re.search(r"\d+", stem)
    return int(found.group()) if found else 0


def _by_number(number: int, last_train: int, last_validation: int) -> Split:
    if number <= last_train:
        return "train"
    return "validation" if number <= last_validation else "test"


def _either(*files: Path) -> Path:
    """The first of the files that is there, or its gzipped form where only that is; else what the first would be."""
    there = (
        form
        for file in files
        for form in (file, file.with_name(file.name + ".gz"))
        if form.exists()
    )
    return next(there, files[0])


def _whole(pairs: list[FilePair], folder: Path, layout: str) -> list[FilePair]:
    if not pairs:
        raise SystemSetupError(f"{folder}: no photographs found; expected the layout of {layout}")
    return pairs
