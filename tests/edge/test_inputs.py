"""What is named on the command line becomes the photographs that were meant, and no two write the same file."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.errors import PhotoError, UsageError
from edgeseg.run.inputs import Input, check_collisions, collect_inputs, output_file, own_results


def folder_with(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in random.Random(0).sample(names, len(names)):
        (folder / name).write_bytes(b"x")
    return folder


def names(sources: list[Input]) -> list[str]:
    return [Path(source.name).name for source in sources]


def test_a_folder_gives_its_photographs_as_a_person_counts(tmp_path: Path) -> None:
    drive = (
        "1_test.tif",
        "2_test.TIF",
        "9_test.tif",
        "10_test.tif",
        "A1.png",
        "a2.png",
        "im0001.ppm.gz",
        "im0010.ppm.gz",
    )
    folder_with(tmp_path, *drive, "notes.txt", "model.onnx", "archive.gz")
    folder_with(tmp_path / "below.png", "deep.png")
    assert names(collect_inputs([str(tmp_path)])) == list(drive)


def test_own_results_and_hidden_files_are_left_out_of_a_folder(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.png", "a_vessels.png", "a_overlay.png", "a_probability.PNG", "._a.png")
    assert names(collect_inputs([str(tmp_path)])) == ["a.png"]


def test_a_second_pass_over_named_files_segments_no_results(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.png", "a_vessels.png", "a_overlay.png")
    inputs = sorted(str(path) for path in tmp_path.iterdir())
    assert names(collect_inputs(inputs)) == ["a.png"]
    assert [path.name for path in own_results([*inputs, str(tmp_path), "-"])] == [
        "a_overlay.png",
        "a_vessels.png",
    ]
    with pytest.raises(UsageError, match=r"a_vessels\.png: .*result"):
        collect_inputs([str(tmp_path / "a_vessels.png")])


def test_the_results_written_are_the_results_left_out(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.png")
    (source,) = collect_inputs([str(tmp_path / "a.png")])
    for part in ("vessels", "overlay", "probability"):
        file = output_file(source.stem, tmp_path, part)
        assert file == tmp_path / f"a_{part}.png"
        file.write_bytes(b"x")
    assert names(collect_inputs([str(tmp_path)])) == ["a.png"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [("im0001.ppm.gz", "im0001"), ("01_dr.JPG", "01_dr"), ("a.b.png", "a.b"), ("scan.dat", "scan"), ("plain", "plain"),
     ("Größe 目.Tif.GZ", "Größe 目")],
)  # fmt: skip
def test_stems(tmp_path: Path, name: str, stem: str) -> None:
    folder_with(tmp_path, name)
    (source,) = collect_inputs([str(tmp_path / name)])
    assert source.stem == stem
    assert source.read_bytes() == b"x"


def test_each_photograph_counts_once_however_it_is_named(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.png", "b.png")
    (tmp_path / "c.png").symlink_to(tmp_path / "a.png")
    b = str(tmp_path / "b.png")
    assert names(
        collect_inputs([b, str(tmp_path), b, str(tmp_path / ".." / tmp_path.name / "a.png")])
    ) == [
        "b.png",
        "a.png",
    ]


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder_with(tmp_path, "a.png")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a photograph")))
    sources = collect_inputs(["-", str(tmp_path / "a.png"), "-"])
    assert [source.path for source in sources] == [None, tmp_path / "a.png"]
    assert sources[0].read_bytes() == b"a photograph"
    assert sources[0].stem == "stdin"


def test_what_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    folder_with(tmp_path / "empty", "notes.txt")
    folder_with(tmp_path / "results", "a_vessels.png")
    for name in ("none.png", "empty", "results", "x" * 5000, "nul\0", "empty/notes.txt/a.png"):
        with pytest.raises(UsageError) as caught:
            collect_inputs([str(tmp_path / name)])
        assert str(tmp_path / name) in str(caught.value)
        assert "; " in str(caught.value)
    with pytest.raises(UsageError):
        collect_inputs([])


def test_a_photograph_that_goes_away_is_that_photograph_s_error(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.png")
    (source,) = collect_inputs([str(tmp_path)])
    (tmp_path / "a.png").unlink()
    with pytest.raises(PhotoError, match=r"a\.png: cannot be read"):
        source.read_bytes()


def test_a_name_that_is_not_text_can_be_printed(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes text only")
    (source,) = collect_inputs([str(tmp_path)])
    source.name.encode("utf-8")
    assert source.read_bytes() == b"x"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a/im1.png", "b/im1.png"),
        ("a/im1.png", "a/im1.jpg"),
        ("a/im1.png", "b/IM1.ppm.gz"),
        ("a/é.png", "b/e\u0301.png"),
    ],
)
def test_two_photographs_of_one_result_are_both_named(
    tmp_path: Path, first: str, second: str
) -> None:
    inputs = [tmp_path / first, tmp_path / second]
    for path in inputs:
        folder_with(path.parent, path.name)
    sources = collect_inputs([str(path) for path in inputs])
    with pytest.raises(UsageError) as caught:
        check_collisions(sources, tmp_path / "out")
    assert all(str(path) in str(caught.value) for path in (*inputs, tmp_path / "out"))


def test_standard_input_may_collide_too(tmp_path: Path) -> None:
    folder_with(tmp_path, "stdin.png")
    with pytest.raises(UsageError, match=r"standard input and .*stdin\.png"):
        check_collisions(collect_inputs(["-", str(tmp_path)]), tmp_path)


@given(
    st.lists(
        st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=4),
        max_size=8,
    )
)
def test_without_a_collision_every_result_has_a_name_of_its_own(stems: list[str]) -> None:
    sources = [Input(f"{number}", stem, None) for number, stem in enumerate(stems)]
    files = [
        output_file(source.stem, Path("out"), part).name
        for source in sources
        for part in ("vessels", "overlay")
    ]
    unique = len({name.lower() for name in files}) == len(files)
    try:
        check_collisions(sources, Path("out"))
    except UsageError:
        assert not unique
    else:
        assert unique
