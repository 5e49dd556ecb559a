"""A user's own pairs: their splits, and a wrong layout refused in one line that names the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeseg.datasets import open_data
from edgeseg.errors import PhotoError, SystemSetupError
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.photo import encode_png

LINES: Mask = np.zeros((40, 50), np.uint8)
LINES[10:14] = 255
GREY: Photo = np.full((40, 50, 3), 90, np.uint8)


def put(file: Path, picture: Photo | Mask = GREY) -> Path:
    """A PNG at a path, its folders made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encode_png(picture))
    return file


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    """The message, which must be one line."""
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Seven pairs in a user's own layout."""
    for stem in "gfedcba":
        put(tmp_path / "images" / f"{stem}.png")
        put(tmp_path / "masks" / f"{stem}.png", LINES)
    return tmp_path


def test_own_pairs_are_all_a_test_set(pairs: Path) -> None:
    data = open_data(f"pairs:{pairs}", "test")
    assert [pair.name for pair in data.pairs] == list("abcdefg")
    assert data.notice == ""
    loaded = data.pairs[0].load()
    assert np.array_equal(loaded.photo, GREY)
    assert np.array_equal(loaded.truth, LINES)
    assert loaded.fov is None


def test_own_pairs_set_every_fifth_aside_for_validation(pairs: Path) -> None:
    train, validation = (open_data(f"pairs:{pairs}", split) for split in ("train", "validation"))
    assert [pair.name for pair in train.pairs] == list("abcdfg")
    assert [pair.name for pair in validation.pairs] == ["e"]
    assert "1 of 7" in train.notice


def test_few_own_pairs_set_their_last_aside(pairs: Path) -> None:
    for stem in "cdefg":
        (pairs / "images" / f"{stem}.png").unlink()
    assert [pair.name for pair in open_data(f"pairs:{pairs}", "train").pairs] == ["a"]
    assert [pair.name for pair in open_data(f"pairs:{pairs}", "validation").pairs] == ["b"]
    (pairs / "images" / "b.png").unlink()
    with pytest.raises(SystemSetupError, match="only photograph"):
        open_data(f"pairs:{pairs}", "train")


def test_split_csv_decides(pairs: Path) -> None:
    rows = ["stem,split", *(f"{stem}, train" for stem in "abcde"), "f,validation", "g,test"]
    (pairs / "split.csv").write_text("\n".join(rows), encoding="utf-8-sig")  # as Excel writes it
    for split, stems in (
        ("train", "abcde"),
        ("validation", "f"),
        ("test", "g"),
        ("all", "abcdefg"),
    ):
        data = open_data(f"pairs:{pairs}", split)  # type: ignore[arg-type]
        assert "".join(pair.name for pair in data.pairs) == stems
        assert data.notice == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"stem,split\na,train\n", "no split for b, c"),
        (b"stem,split\na,training\n", "'a,training'"),
        (b"stem,split\nz,train\n", "'z,train'"),
        (b"stem,split\na,train\na,test\n", "'a' is in two splits"),
        (b"stem;split\na;train\n", "stem,split"),
        (b"", "stem,split"),
        (b"\xff\xfe\x00stem", "cannot be read"),
        (b"stem,split\n" + b'"' * 200_001, "split"),
    ],
)
def test_a_wrong_split_csv_is_named(pairs: Path, content: bytes, said: str) -> None:
    (pairs / "split.csv").write_bytes(content)
    with pytest.raises(SystemSetupError) as error:
        open_data(f"pairs:{pairs}", "train")
    assert one_line(error).startswith(str(pairs / "split.csv"))
    assert said in one_line(error)


def put_fields(pairs: Path) -> None:
    for photo in (pairs / "images").iterdir():
        put(pairs / "fov" / f"{photo.stem}.png", np.full((40, 50), 255, np.uint8))


def test_own_pairs_may_be_of_any_format_and_have_fields_of_view(pairs: Path) -> None:
    (pairs / "images" / "a.png").rename(pairs / "images" / "a.PNG")
    put_fields(pairs)
    fov = open_data(f"pairs:{pairs}", "test").pairs[0].load().fov
    assert fov is not None
    assert fov.all()


def test_what_systems_leave_behind_is_no_photograph(pairs: Path) -> None:
    (pairs / "images" / "._a.png").write_bytes(b"Mac OS X")
    (pairs / "images" / "Thumbs.db").write_bytes(b"")
    (pairs / "images" / "more.png").mkdir()
    assert len(open_data(f"pairs:{pairs}", "test").pairs) == 7


def without_mask(folder: Path) -> Path:
    (folder / "masks" / "c.png").unlink()
    return folder / "images" / "c.png"


def twice(folder: Path) -> Path:
    return put(folder / "images" / "c.tif")


def without_a_field(folder: Path) -> Path:
    put_fields(folder)
    (folder / "fov" / "c.png").unlink()
    return folder / "images" / "c.png"


@pytest.mark.parametrize("harm", [without_mask, twice, without_a_field])
def test_own_pairs_in_a_wrong_layout_are_refused(pairs: Path, harm: Callable[[Path], Path]) -> None:
    file = harm(pairs)
    with pytest.raises(SystemSetupError) as error:
        open_data(f"pairs:{pairs}", "test")
    assert str(file) in one_line(error)


@pytest.mark.parametrize(
    ("file", "picture", "said"),
    [
        ("masks/a.png", LINES[1:], "50x39"),
        ("masks/a.png", np.zeros_like(LINES), "no vessel"),
        ("fov/a.png", LINES[:, 1:], "49x40"),
        ("fov/a.png", np.zeros_like(LINES), "empty"),
    ],
    ids=["mask of another size", "black mask", "field of another size", "black field"],
)
def test_a_mask_that_does_not_serve_is_named(
    pairs: Path, file: str, picture: Mask, said: str
) -> None:
    if file.startswith("fov"):
        put_fields(pairs)
    put(pairs / file, picture)
    with pytest.raises(SystemSetupError) as error:
        open_data(f"pairs:{pairs}", "test").pairs[0].load()
    assert str(pairs / file) in one_line(error)
    assert said in one_line(error)


def test_a_damaged_photograph_is_named(pairs: Path) -> None:
    (pairs / "images" / "a.png").write_bytes(b"no picture")
    with pytest.raises(PhotoError) as error:
        open_data(f"pairs:{pairs}", "test").pairs[0].load()
    assert str(pairs / "images" / "a.png") in one_line(error)
