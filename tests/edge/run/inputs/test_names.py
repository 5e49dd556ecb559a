"""Names of results: inside the output folder, and distinct on every file system."""

from __future__ import annotations

import unicodedata
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.run.inputs.names import PlacedFile, distinct_stems
from edgeseg.system.names import name_key

NAMES = st.sampled_from(
    ["a.png", "a.jpg", "A.png", "a.jpg.png", "a_2.png", "é.png", "e\u0301.png", "a.mp4", "a"]
)
FOLDERS = st.sampled_from(["", "p1", "P1", "p1/x", "p2"])


def place(*paths: str) -> list[PlacedFile]:
    return [PlacedFile(Path(path)) for path in paths]


def test_name_key_ignores_case_and_unicode_normalization() -> None:
    stem = "Médical Ö"
    decomposed = unicodedata.normalize("NFD", stem)
    assert stem != decomposed
    assert name_key(stem) == name_key(decomposed.upper())
    assert unicodedata.is_normalized("NFC", name_key(decomposed))


@pytest.mark.parametrize(
    ("paths", "stems"),
    [
        (("in/eye.png", "in/two.png"), ["eye", "two"]),
        (("in/eye.jpg", "in/eye.png", "in/two.png"), ["eye.jpg", "eye.png", "two"]),
        (("in/eye.png", "in/eye.mp4"), ["eye", "eye"]),
        (("in/p1/od.png", "in/p2/od.png"), ["p1/od", "p2/od"]),
        (("in/od.png", "in/p2/od.png", "in/p2/os.jpg"), ["od", "p2/od", "p2/os"]),
        (("a/x/../im1.png", "b/IM1.ppm.gz"), ["a/im1", "b/IM1"]),
        (("in/im1.mp4", "in/im1.avi"), ["im1.mp4", "im1.avi"]),
        (("in/a.jpg", "in/a.png", "in/a.jpg.png"), ["a.jpg", "a.png", "a.jpg_2"]),
    ],
)
def test_distinct_stems_follow_documented_rule(paths: tuple[str, ...], stems: list[str]) -> None:
    assert distinct_stems(place(*paths)) == stems


def test_distinct_stems_number_names_that_differ_only_in_case() -> None:
    assert sorted(distinct_stems(place("in/Eye.png", "in/eye.png"))) == ["Eye.png", "eye.png_2"]


def test_distinct_stems_keep_standard_input() -> None:
    files = [PlacedFile(None), *place("in/stdin.png")]
    assert distinct_stems(files) == ["stdin", "stdin.png"]


@given(st.lists(st.tuples(FOLDERS, NAMES), max_size=12, unique=True))
def test_distinct_stems_are_distinct_and_inside_output_folder(
    files: list[tuple[str, str]],
) -> None:
    placed = [PlacedFile(Path("in", folder, name), Path(folder)) for folder, name in files]
    stems = distinct_stems(placed)
    keys = [file.key(stem) for file, stem in zip(placed, stems, strict=True)]
    assert len(set(keys)) == len(keys)
    for stem in stems:
        path = PurePosixPath(stem)
        assert not path.is_absolute()
        assert ".." not in path.parts


@given(st.lists(st.tuples(FOLDERS, NAMES), max_size=8, unique=True), st.randoms())
def test_distinct_stems_do_not_depend_on_order(
    files: list[tuple[str, str]], random: object
) -> None:
    placed = [PlacedFile(Path("in", folder, name), Path(folder)) for folder, name in files]
    expected = dict(zip(placed, distinct_stems(placed), strict=True))
    shuffled = list(placed)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert dict(zip(shuffled, distinct_stems(shuffled), strict=True)) == expected
