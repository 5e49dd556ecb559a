"""`edgeseg draw`: generated files and options."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner

from edgeseg.commands.draw import draw
from edgeseg.datasets import open_data
from edgeseg.synthetic import generate_photo


def test_draw_with_truth_writes_images_masks_and_fields(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    arguments = ["-o", str(folder), "--seed", "4", "--count", "2", "--size", "128", "--truth"]
    result = CliRunner().invoke(draw, arguments)
    assert result.exit_code == 0, result.output
    files = []
    for seed in (4, 5):
        files += [folder / kind / f"fundus_{seed}.png" for kind in ("images", "masks", "fov")]
    assert result.output.split() == [str(file) for file in files]
    assert {path for path in folder.rglob("*") if path.is_file()} == set(files)


def test_draw_with_truth_writes_a_readable_data_set(tmp_path: Path) -> None:
    arguments = ["-o", str(tmp_path), "--seed", "5", "--size", "128", "--truth"]
    CliRunner().invoke(draw, arguments)
    (pair,) = open_data(f"pairs:{tmp_path}", "test").pairs
    loaded, expected = pair.load(), generate_photo(5, 128)
    assert np.array_equal(loaded.photo, expected.photo)
    assert np.array_equal(loaded.truth, expected.truth)
    assert loaded.fov is not None and np.array_equal(loaded.fov, expected.fov)


def test_draw_without_truth_writes_only_the_photograph(tmp_path: Path) -> None:
    CliRunner().invoke(draw, ["-o", str(tmp_path), "--size", "64"])
    assert [path.name for path in tmp_path.iterdir()] == ["fundus_0.png"]
