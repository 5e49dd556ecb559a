"""Results must stay inside the output folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.errors import PhotoError, SystemSetupError
from edgeseg.run.results.output_folders import OutputFolders


def test_check_accepts_output_folder_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    folders = OutputFolders(tmp_path / "out")
    folders.check(tmp_path / "out" / "eye_vessels.png", "eye.png")
    folders.check(tmp_path / "out" / "p1" / "eye_vessels.png", "eye.png")


@pytest.mark.parametrize("name", ["p1/eye_vessels.png", "linked_vessels.png", "../eye_vessels.png"])
def test_check_rejects_path_outside_output_folder(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "p1").symlink_to(tmp_path)
    (out / "linked_vessels.png").symlink_to(tmp_path / "missing.png")
    with pytest.raises(PhotoError, match="eye") as caught:
        OutputFolders(out).check(out / name, "eye.png")
    assert caught.value.code == "not_overwritten"


@pytest.mark.parametrize("name", ["p1/eye_vessels.png", "linked_vessels.png", "dangling.png"])
def test_check_rejects_link_inside_output_folder_unless_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "p2").mkdir()
    (tmp_path / "p1").symlink_to("p2")
    (tmp_path / "eye_vessels.png").touch()
    (tmp_path / "linked_vessels.png").symlink_to("eye_vessels.png")
    (tmp_path / "dangling.png").symlink_to("missing.png")
    with pytest.raises(PhotoError) as caught:
        OutputFolders(tmp_path).check(tmp_path / name, "eye.png")
    assert caught.value.code == "not_overwritten"
    OutputFolders(tmp_path, follow_links=True).check(tmp_path / name, "eye.png")


def test_check_rejects_two_results_with_one_target(tmp_path: Path) -> None:
    (tmp_path / "a_vessels.png").symlink_to("b_vessels.png")
    folders = OutputFolders(tmp_path, follow_links=True)
    folders.check(tmp_path / "a_vessels.png", "a.png")
    folders.check(tmp_path / "a_vessels.png", "a.png")
    with pytest.raises(PhotoError):
        folders.check(tmp_path / "b_vessels.png", "b.png")


def test_check_rejects_path_outside_even_if_links_are_followed(tmp_path: Path) -> None:
    with pytest.raises(PhotoError):
        OutputFolders(tmp_path / "out", follow_links=True).check(tmp_path / "eye.png", "eye.png")


def test_create_parent_removes_stale_temporaries(tmp_path: Path) -> None:
    (tmp_path / "p1").mkdir()
    (tmp_path / "p1" / ".edgeseg-0123456789abcdef.tmp").touch()
    folders = OutputFolders(tmp_path)
    folders.create_parent(tmp_path / "p1" / "eye_vessels.png")
    folders.create_parent(tmp_path / "p2" / "2024" / "eye_vessels.png")
    assert list((tmp_path / "p1").iterdir()) == []
    assert (tmp_path / "p2" / "2024").is_dir()


def test_create_parent_fails_when_a_file_has_the_name_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "p1").touch()
    with pytest.raises(SystemSetupError, match="p1"):
        OutputFolders(tmp_path).create_parent(tmp_path / "p1" / "eye_vessels.png")
