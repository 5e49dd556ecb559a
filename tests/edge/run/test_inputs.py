"""Inputs of a run, and the names of their results."""

from __future__ import annotations

import io
import os
import random
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.errors import PhotoError, SystemSetupError, UsageError
from edgeseg.run.inputs import (
    Input,
    Part,
    check_collisions,
    collect_inputs,
    collision_key,
    list_photographs,
    output_file,
    own_results,
    path_text,
)

PARTS: tuple[Part, ...] = ("vessels", "overlay", "probability")


def write_files(folder: Path, *names: str) -> None:
    """Create files of one byte in random order."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in random.Random(0).sample(names, len(names)):
        (folder / name).write_bytes(b"x")


def file_names(inputs: list[Input]) -> list[str]:
    return [Path(item.name).name for item in inputs]


def test_collect_inputs_returns_photographs_of_folder_in_natural_order(tmp_path: Path) -> None:
    photographs = [
        "1_test.tif",
        "2_test.TIF",
        "9_test.tif",
        "10_test.tif",
        "A1.png",
        "a2.png",
        "im0001.ppm.gz",
        "im0010.ppm.gz",
    ]
    write_files(tmp_path, *photographs, "notes.txt", "model.onnx", "archive.gz", "clip.mp4")
    assert file_names(collect_inputs([str(tmp_path)])) == photographs


def test_collect_inputs_ignores_subfolders(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png")
    write_files(tmp_path / "subfolder.png", "b.png")
    assert file_names(collect_inputs([str(tmp_path)])) == ["a.png"]


def test_collect_inputs_skips_results_and_hidden_files_of_folder(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png", "a_vessels.png", "a_overlay.jpg", "a_probability.PNG", "._a.png")
    assert file_names(collect_inputs([str(tmp_path)])) == ["a.png"]


def test_collect_inputs_skips_named_results(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png", "a_vessels.png", "a_overlay.jpg", "a_overlay.mp4")
    arguments = sorted(str(path) for path in tmp_path.iterdir())
    assert file_names(collect_inputs(arguments)) == ["a.png"]


def test_collect_inputs_uses_named_hidden_file(tmp_path: Path) -> None:
    write_files(tmp_path, ".a.png")
    assert file_names(collect_inputs([str(tmp_path / ".a.png")])) == [".a.png"]


def test_collect_inputs_fails_when_only_results_are_named(tmp_path: Path) -> None:
    write_files(tmp_path, "a_vessels.png")
    with pytest.raises(UsageError, match=r"a_vessels\.png: .*result"):
        collect_inputs([str(tmp_path / "a_vessels.png")])


def test_own_results_returns_named_result_files_only(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png", "a_vessels.png", "a_overlay.jpg")
    write_files(tmp_path / "b_vessels.png", "b.png")
    arguments = sorted(str(path) for path in tmp_path.iterdir())
    results = own_results([*arguments, str(tmp_path), "-"])
    assert [path.name for path in results] == ["a_overlay.jpg", "a_vessels.png"]


def test_output_file_is_skipped_as_input(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png")
    for part in PARTS:
        file = output_file("a", tmp_path, part)
        assert file.stem == f"a_{part}"
        file.write_bytes(b"x")
    assert file_names(collect_inputs([str(tmp_path)])) == ["a.png"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("im0001.ppm.gz", "im0001"),
        ("01_dr.JPG", "01_dr"),
        ("a.b.png", "a.b"),
        ("scan.dat", "scan"),
        ("plain", "plain"),
        ("Größe 目.Tif.GZ", "Größe 目"),
    ],
)
def test_collect_inputs_returns_stem_of_any_named_file(
    tmp_path: Path, name: str, stem: str
) -> None:
    write_files(tmp_path, name)
    (item,) = collect_inputs([str(tmp_path / name)])
    assert item.stem == stem
    assert item.read_bytes() == b"x"


def test_collect_inputs_returns_each_file_once_in_order_of_arguments(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png", "b.png")
    (tmp_path / "c.png").symlink_to(tmp_path / "a.png")
    b = str(tmp_path / "b.png")
    a = str(tmp_path / ".." / tmp_path.name / "a.png")
    assert file_names(collect_inputs([b, str(tmp_path), b, a])) == ["b.png", "a.png"]


@pytest.mark.parametrize("name", ["a.mp4", "a.MOV", "a.b.mkv", "a.mjpeg"])
def test_input_is_video_by_suffix(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, name, "a.png")
    video, photograph, stdin = collect_inputs([str(tmp_path / name), str(tmp_path / "a.png"), "-"])
    assert video.is_video
    assert not photograph.is_video
    assert not stdin.is_video


def test_collect_inputs_returns_standard_input_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_files(tmp_path, "a.png")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a photograph")))
    inputs = collect_inputs(["-", str(tmp_path / "a.png"), "-"])
    assert [item.path for item in inputs] == [None, tmp_path / "a.png"]
    assert inputs[0].stem == "stdin"
    assert inputs[0].read_bytes() == b"a photograph"


@pytest.mark.parametrize(
    "name", ["none.png", "empty", "results", "x" * 5000, "nul\0", "empty/notes.txt/a.png"]
)
def test_collect_inputs_fails_when_argument_has_no_photograph(tmp_path: Path, name: str) -> None:
    write_files(tmp_path / "empty", "notes.txt")
    write_files(tmp_path / "results", "a_vessels.png")
    with pytest.raises(UsageError) as caught:
        collect_inputs([str(tmp_path / name)])
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("arguments", [[], [""]])
def test_collect_inputs_fails_when_nothing_is_named(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        collect_inputs(arguments)


def test_collect_inputs_fails_when_folder_is_unreadable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def deny(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", deny)
    with pytest.raises(SystemSetupError) as caught:
        collect_inputs([str(tmp_path)])
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(PermissionError):
        list_photographs(tmp_path)


def test_input_read_bytes_fails_when_file_was_deleted(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png")
    (item,) = collect_inputs([str(tmp_path)])
    (tmp_path / "a.png").unlink()
    with pytest.raises(PhotoError, match=r"a\.png"):
        item.read_bytes()


def test_input_name_is_printable_when_file_name_is_not_utf8(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system accepts UTF-8 names only")
    (item,) = collect_inputs([str(tmp_path)])
    assert item.path is not None
    assert item.name == path_text(item.path) == str(tmp_path / "?.png")
    assert item.read_bytes() == b"x"


def test_collision_key_ignores_case_and_unicode_form() -> None:
    stem = "Médical Ö"
    decomposed = unicodedata.normalize("NFD", stem)
    assert stem != decomposed
    assert collision_key(stem) == collision_key(decomposed.upper())
    assert unicodedata.is_normalized("NFC", collision_key(decomposed))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a/im1.png", "b/im1.png"),
        ("a/im1.png", "a/im1.jpg"),
        ("a/im1.png", "b/IM1.ppm.gz"),
        ("a/é.png", "b/e\u0301.png"),
        ("a/im1.mp4", "b/im1.avi"),
    ],
)
def test_check_collisions_names_both_inputs(tmp_path: Path, first: str, second: str) -> None:
    paths = [tmp_path / first, tmp_path / second]
    for path in paths:
        write_files(path.parent, path.name)
    inputs = collect_inputs([str(path) for path in paths])
    with pytest.raises(UsageError) as caught:
        check_collisions(inputs, tmp_path / "out")
    for path in (*paths, tmp_path / "out"):
        assert str(path) in str(caught.value)


def test_check_collisions_accepts_photograph_and_video_of_same_stem(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png", "a.mp4")
    inputs = collect_inputs([str(tmp_path / "a.png"), str(tmp_path / "a.mp4")])
    check_collisions(inputs, tmp_path)


def test_check_collisions_includes_standard_input(tmp_path: Path) -> None:
    write_files(tmp_path, "stdin.png")
    with pytest.raises(UsageError, match=r"standard input and .*stdin\.png"):
        check_collisions(collect_inputs(["-", str(tmp_path)]), tmp_path)


@given(
    st.lists(
        st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=4),
        max_size=8,
    )
)
def test_check_collisions_fails_exactly_when_result_names_repeat(stems: list[str]) -> None:
    inputs = [Input(str(number), stem, None) for number, stem in enumerate(stems)]
    names = []
    for stem in stems:
        names += [output_file(stem, Path("out"), part).name.lower() for part in PARTS]
    are_unique = len(set(names)) == len(names)
    try:
        check_collisions(inputs, Path("out"))
    except UsageError:
        assert not are_unique
    else:
        assert are_unique
