"""The user's own pairs: splits, and errors with the file name."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeseg.datasets import SplitChoice, open_data
from edgeseg.errors import PhotoError, SystemSetupError
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.encoder import encode_png

LINES: Mask = np.zeros((40, 50), np.uint8)
LINES[10:14] = 255
GREY: Photo = np.full((40, 50, 3), 90, np.uint8)


def write_png(file: Path, image: Photo | Mask = GREY) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encode_png(image))
    return file


def write_fovs(pairs: Path) -> None:
    for photo in (pairs / "images").iterdir():
        write_png(pairs / "fov" / f"{photo.stem}.png", np.full((40, 50), 255, np.uint8))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Folder with seven pairs, `a` to `g`."""
    for stem in "gfedcba":
        write_png(tmp_path / "images" / f"{stem}.png")
        write_png(tmp_path / "masks" / f"{stem}.png", LINES)
    return tmp_path


def stems(folder: Path, split: SplitChoice) -> str:
    return "".join(pair.name for pair in open_data(f"pairs:{folder}", split).pairs)


def test_pairs_without_split_csv_are_all_test(pairs: Path) -> None:
    data = open_data(f"pairs:{pairs}", "test")
    assert [pair.name for pair in data.pairs] == list("abcdefg")
    assert data.notice == ""
    loaded = data.pairs[0].load()
    assert np.array_equal(loaded.photo, GREY)
    assert np.array_equal(loaded.truth, LINES)
    assert loaded.fov is None


def test_pairs_without_split_csv_use_every_fifth_for_validation(pairs: Path) -> None:
    assert stems(pairs, "train") == "abcdfg"
    assert stems(pairs, "validation") == "e"
    assert "1 of 7" in open_data(f"pairs:{pairs}", "train").notice


def test_few_pairs_use_the_last_pair_for_validation(pairs: Path) -> None:
    for stem in "cdefg":
        (pairs / "images" / f"{stem}.png").unlink()
    assert stems(pairs, "train") == "a"
    assert stems(pairs, "validation") == "b"
    (pairs / "images" / "b.png").unlink()
    with pytest.raises(SystemSetupError, match="'train'"):
        open_data(f"pairs:{pairs}", "train")


def test_split_csv_defines_the_splits(pairs: Path) -> None:
    rows = ["stem,split", *(f"{stem}, train" for stem in "abcde"), "f,validation", "g,test"]
    (pairs / "split.csv").write_text("\n".join(rows), encoding="utf-8-sig")  # as written by Excel
    assert stems(pairs, "train") == "abcde"
    assert stems(pairs, "validation") == "f"
    assert stems(pairs, "test") == "g"
    assert stems(pairs, "all") == "abcdefg"
    assert open_data(f"pairs:{pairs}", "train").notice == ""


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (b"stem,split\na,train\n", "b, c"),
        (b"stem,split\na,training\n", "'a,training'"),
        (b"stem,split\nz,train\n", "'z,train'"),
        (b"stem,split\na,train\na,test\n", "'a'"),
        (b"stem;split\na;train\n", "stem,split"),
        (b"", "stem,split"),
        (b"\xff\xfe\x00stem", "stem,split"),
        (b"stem,split\n" + b'"' * 200_001, "split"),
    ],
    ids=[
        "missing-rows",
        "unknown-split",
        "unknown-stem",
        "contradiction",
        "semicolons",
        "empty",
        "not-utf8",
        "huge-cell",
    ],
)
def test_split_csv_invalid_content_is_rejected(pairs: Path, content: bytes, fragment: str) -> None:
    (pairs / "split.csv").write_bytes(content)
    with pytest.raises(SystemSetupError) as error:
        open_data(f"pairs:{pairs}", "train")
    assert str(error.value).startswith(str(pairs / "split.csv"))
    assert fragment in str(error.value)
    assert "\n" not in str(error.value)


def test_pairs_accept_upper_case_suffix_and_fields_of_view(pairs: Path) -> None:
    (pairs / "images" / "a.png").rename(pairs / "images" / "a.PNG")
    write_fovs(pairs)
    fov = open_data(f"pairs:{pairs}", "test").pairs[0].load().fov
    assert fov is not None
    assert fov.all()


def test_pairs_ignore_system_files_and_folders(pairs: Path) -> None:
    (pairs / "images" / "._a.png").write_bytes(b"Mac OS X")
    (pairs / "images" / "Thumbs.db").write_bytes(b"")
    (pairs / "images" / "more.png").mkdir()
    assert len(open_data(f"pairs:{pairs}", "test").pairs) == 7


def remove_mask(folder: Path) -> Path:
    (folder / "masks" / "c.png").unlink()
    return folder / "images" / "c.png"


def add_second_photograph_of_same_name(folder: Path) -> Path:
    return write_png(folder / "images" / "c.tif")


def remove_fov(folder: Path) -> Path:
    write_fovs(folder)
    (folder / "fov" / "c.png").unlink()
    return folder / "images" / "c.png"


@pytest.mark.parametrize("damage", [remove_mask, add_second_photograph_of_same_name, remove_fov])
def test_pairs_wrong_layout_names_the_file(pairs: Path, damage: Callable[[Path], Path]) -> None:
    file = damage(pairs)
    with pytest.raises(SystemSetupError) as error:
        open_data(f"pairs:{pairs}", "test")
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "image", "fragment"),
    [
        ("masks/a.png", LINES[1:], "50x39"),
        ("masks/a.png", np.zeros_like(LINES), "black"),
        ("fov/a.png", LINES[:, 1:], "49x40"),
        ("fov/a.png", np.zeros_like(LINES), "empty"),
    ],
    ids=["mask-of-other-size", "black-mask", "fov-of-other-size", "black-fov"],
)
def test_load_error_names_unusable_mask(pairs: Path, file: str, image: Mask, fragment: str) -> None:
    if file.startswith("fov"):
        write_fovs(pairs)
    write_png(pairs / file, image)
    with pytest.raises(SystemSetupError, match=fragment) as error:
        open_data(f"pairs:{pairs}", "test").pairs[0].load()
    assert str(error.value).startswith(str(pairs / file))
    assert "\n" not in str(error.value)


def test_load_error_names_damaged_photograph(pairs: Path) -> None:
    (pairs / "images" / "a.png").write_bytes(b"not an image")
    with pytest.raises(PhotoError) as error:
        open_data(f"pairs:{pairs}", "test").pairs[0].load()
    assert str(pairs / "images" / "a.png") in str(error.value)
    assert "\n" not in str(error.value)


def test_pairs_match_names_of_either_unicode_form_and_case(pairs: Path) -> None:
    composed = unicodedata.normalize("NFC", "mácula")
    write_png(pairs / "images" / f"{unicodedata.normalize('NFD', composed)}.png")
    write_png(pairs / "masks" / f"{composed.upper()}.png", LINES)
    rows = ["stem,split", *(f"{stem},train" for stem in "abcdefg"), f"{composed},test"]
    (pairs / "split.csv").write_text("\n".join(rows), encoding="utf-8")
    (pair,) = open_data(f"pairs:{pairs}", "test").pairs
    assert unicodedata.normalize("NFC", pair.name) == composed
    assert np.array_equal(pair.load().truth, LINES)


def test_pairs_skip_hidden_files(pairs: Path) -> None:
    write_png(pairs / "images" / ".hidden.png")
    write_png(pairs / "masks" / ".other.png", LINES)
    data = open_data(f"pairs:{pairs}", "test")
    assert len(data.pairs) == 7
    assert data.notice == ""


def test_masks_without_photograph_are_named_in_notice(pairs: Path) -> None:
    write_fovs(pairs)
    write_png(pairs / "masks" / "lone.png", LINES)
    write_png(pairs / "fov" / "field.png", LINES)
    for split in ("test", "train", "validation"):
        notice = open_data(f"pairs:{pairs}", split).notice
        assert "masks/lone.png" in notice
        assert "fov/field.png" in notice
    for number in range(20):
        write_png(pairs / "masks" / f"lone{number}.png", LINES)
    assert "17 more" in open_data(f"pairs:{pairs}", "test").notice


def test_load_reports_class_numbers_and_ignored_pixels(pairs: Path) -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[10:12] = 1
    mask[12:14] = 2
    mask[30:] = 255
    write_png(pairs / "masks" / "a.png", mask)
    loaded = open_data(f"pairs:{pairs}", "test").pairs[0].load()
    assert np.array_equal(loaded.truth, LINES)
    assert loaded.counted is not None
    assert loaded.counted[:30].all()
    assert not loaded.counted[30:].any()
    (note,) = loaded.notes
    assert "0" in note and "1, 2" in note and "255" in note
