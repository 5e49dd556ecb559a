"""Inputs given as arguments and in a list."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edgeseg.errors import PhotoError, SystemSetupError, UsageError
from edgeseg.imaging.encoder import encode_png
from edgeseg.run.inputs import CollectedInputs, Part, collect_inputs, output_file, path_text
from edgeseg.synthetic import generate_photo

PARTS: tuple[Part, ...] = ("vessels", "overlay", "probability")


def write_files(folder: Path, *names: str) -> None:
    """Create files of one byte in random order."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in random.Random(0).sample(names, len(names)):
        (folder / name).write_bytes(b"x")


def file_names(collected: CollectedInputs) -> list[str]:
    return [Path(item.name).name for item in collected.inputs]


def test_collect_inputs_skips_named_results(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png", "a_vessels.png", "a_overlay.png", "a_overlay.mp4")
    collected = collect_inputs(sorted(map(str, tmp_path.iterdir())))
    assert file_names(collected) == ["a.png"]
    assert collected.skipped.count("result") == 3


def test_collect_inputs_skips_renamed_result_given_as_argument(tmp_path: Path) -> None:
    photo = generate_photo(1, 64).photo
    (tmp_path / "a.png").write_bytes(encode_png(photo))
    (tmp_path / "b.png").write_bytes(encode_png(photo, {"edgeseg:photograph": "0"}))
    collected = collect_inputs([str(tmp_path / "a.png"), str(tmp_path / "b.png")])
    assert file_names(collected) == ["a.png"]
    assert collected.skipped.count("result") == 1
    with pytest.raises(UsageError):
        collect_inputs([str(tmp_path / "b.png")])


def test_collect_inputs_skips_results_of_folder(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png")
    for part in PARTS:
        file = output_file("a", tmp_path, part)
        assert file.stem == f"a_{part}"
        file.write_bytes(b"x")
    collected = collect_inputs([str(tmp_path)])
    assert file_names(collected) == ["a.png"]
    assert collected.skipped.count("result") == len(PARTS)


def test_collect_inputs_uses_named_hidden_file(tmp_path: Path) -> None:
    write_files(tmp_path, ".a.png")
    assert file_names(collect_inputs([str(tmp_path / ".a.png")])) == [".a.png"]


def test_collect_inputs_fails_when_only_results_are_named(tmp_path: Path) -> None:
    write_files(tmp_path, "a_vessels.png")
    with pytest.raises(UsageError, match=r"a_vessels\.png: .*result"):
        collect_inputs([str(tmp_path / "a_vessels.png")])


def test_collect_inputs_skips_mask_arguments_if_photographs_are_given(tmp_path: Path) -> None:
    synthetic = generate_photo(1, 120)
    (tmp_path / "eye.png").write_bytes(encode_png(synthetic.photo))
    (tmp_path / "eye_1stHO.png").write_bytes(encode_png(synthetic.truth))
    (tmp_path / "field.png").write_bytes(encode_png(synthetic.fov))
    names = [str(tmp_path / name) for name in ("eye.png", "eye_1stHO.png", "field.png")]
    collected = collect_inputs(names)
    assert file_names(collected) == ["eye.png"]
    assert collected.skipped.count("mask") == 2
    assert file_names(collect_inputs(names[1:])) == ["eye_1stHO.png", "field.png"]
    assert file_names(collect_inputs(names[1:2])) == ["eye_1stHO.png"]


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
    (item,) = collect_inputs([str(tmp_path / name)]).inputs
    assert item.stem == stem
    assert item.read_bytes() == b"x"


def test_collect_inputs_returns_each_file_once_in_order_of_arguments(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png", "b.png")
    b = str(tmp_path / "b.png")
    a = str(tmp_path / ".." / tmp_path.name / "a.png")
    assert file_names(collect_inputs([b, str(tmp_path), b, a])) == ["b.png", "a.png"]


def test_collect_inputs_returns_each_link(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "c.png").hardlink_to(tmp_path / "a.png")
    expected = ["a.png", "b.png", "c.png"]
    assert file_names(collect_inputs([str(tmp_path)])) == expected
    assert file_names(collect_inputs([str(tmp_path / name) for name in expected])) == expected


@pytest.mark.parametrize("name", ["a.mp4", "a.MOV", "a.b.mkv", "a.mjpeg"])
def test_input_is_video_by_suffix(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, name, "a.png")
    arguments = [str(tmp_path / name), str(tmp_path / "a.png"), "-"]
    video, photograph, stdin = collect_inputs(arguments).inputs
    assert video.is_video
    assert not photograph.is_video
    assert not stdin.is_video


def test_collect_inputs_returns_standard_input_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_files(tmp_path, "a.png")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a photograph")))
    inputs = collect_inputs(["-", str(tmp_path / "a.png"), "-"]).inputs
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


@pytest.mark.parametrize("name", ["none.png", "x" * 5000])
def test_collect_inputs_keeps_missing_file_of_list(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, "a.png")
    listed = [str(tmp_path / name), str(tmp_path / "a.png")]
    missing, present = collect_inputs([], listed=listed).inputs
    with pytest.raises(PhotoError) as caught:
        missing.read_bytes()
    assert caught.value.code == "unreadable"
    assert present.read_bytes() == b"x"


def test_collect_inputs_expands_listed_folder(tmp_path: Path) -> None:
    write_files(tmp_path / "p1", "a.png", "b.png")
    assert file_names(collect_inputs([], listed=[str(tmp_path / "p1")])) == ["a.png", "b.png"]


@pytest.mark.parametrize("arguments", [[], [""]])
def test_collect_inputs_fails_when_no_argument_is_given(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        collect_inputs(arguments)


@pytest.mark.parametrize("denied", [".", "sub"])
def test_collect_inputs_fails_when_folder_is_unreadable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, denied: str
) -> None:
    write_files(tmp_path / "sub", "a.png")
    list_folder = Path.iterdir

    def deny(folder: Path) -> object:
        if folder == tmp_path / denied:
            raise PermissionError(13, "Permission denied", str(folder))
        return list_folder(folder)

    monkeypatch.setattr(Path, "iterdir", deny)
    with pytest.raises(SystemSetupError) as caught:
        collect_inputs([str(tmp_path)], recursive=True)
    assert str(tmp_path / denied) in str(caught.value)


def test_input_read_bytes_fails_when_file_was_deleted(tmp_path: Path) -> None:
    write_files(tmp_path, "a.png")
    (item,) = collect_inputs([str(tmp_path)]).inputs
    (tmp_path / "a.png").unlink()
    with pytest.raises(PhotoError, match=r"a\.png"):
        item.read_bytes()


def test_input_name_is_printable_when_file_name_is_not_utf8(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system accepts UTF-8 names only")
    (item,) = collect_inputs([str(tmp_path)]).inputs
    assert item.path is not None
    assert item.name == path_text(item.path) == str(tmp_path / "?.png")
    assert item.read_bytes() == b"x"


def test_collect_inputs_mirrors_subfolders(tmp_path: Path) -> None:
    write_files(tmp_path, "loose.png")
    write_files(tmp_path / "p1" / "2024", "od.png", "os.png")
    write_files(tmp_path / "p2", "od.png")
    inputs = collect_inputs([str(tmp_path)], recursive=True).inputs
    stems = [item.stem for item in inputs]
    assert stems == ["loose", "p1/2024/od", "p1/2024/os", "p2/od"]


def test_collect_inputs_places_folders_with_equal_names_below_common_folder(
    tmp_path: Path,
) -> None:
    write_files(tmp_path / "p1", "od.png", "os.png")
    write_files(tmp_path / "p2", "od.png")
    folders = [str(tmp_path / "p1"), str(tmp_path / "p2")]
    stems = [item.stem for item in collect_inputs(folders).inputs]
    assert stems == ["p1/od", "p1/os", "p2/od"]
    (tmp_path / "p2" / "od.png").rename(tmp_path / "p2" / "other.png")
    assert [item.stem for item in collect_inputs(folders).inputs] == ["od", "os", "other"]


def test_collect_inputs_returns_photograph_without_contrast(tmp_path: Path) -> None:
    """A covered camera takes black photographs, which must be reported as failed."""
    noise = np.random.default_rng(0).integers(0, 4, (60, 80, 3)).astype(np.uint8)
    (tmp_path / "black.png").write_bytes(encode_png(noise * 0))
    (tmp_path / "noise.png").write_bytes(encode_png(noise))
    assert file_names(collect_inputs([str(tmp_path)])) == ["black.png", "noise.png"]
