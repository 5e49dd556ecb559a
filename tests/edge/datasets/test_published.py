"""Readers of the published data sets: their layouts, splits and errors."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgeseg.datasets import READERS, open_data
from edgeseg.errors import SystemSetupError

# Folder and number of photographs per split of the shared data.
SHARED_DATA = {
    "drive": ("DRIVE", {"train": 20, "test": 20}),
    "stare": ("STARE", {"test": 20}),
    "chasedb1": ("CHASEDB1", {"train": 16, "validation": 4, "test": 8}),
    "hrf": ("HRF", {"train": 24, "validation": 6, "test": 15}),
    "fives": ("FIVES", {"train": 8, "validation": 2}),
}


@pytest.mark.parametrize("name", sorted(SHARED_DATA))
def test_published_set_has_its_splits(data_root: Path, name: str) -> None:
    folder, counts = SHARED_DATA[name]
    spec = f"{name}:{data_root / folder}"
    pairs = open_data(spec, "all").pairs
    assert Counter(pair.split for pair in pairs) == counts
    assert len({pair.name for pair in pairs}) == len(pairs)
    for split in ("train", "validation", "test"):
        names = [pair.name for pair in pairs if pair.split == split]
        if names:
            selected = open_data(spec, split)
            assert [pair.name for pair in selected.pairs] == names
            assert selected.notice == ""
        else:
            with pytest.raises(SystemSetupError, match=f"'{split}'"):
                open_data(spec, split)


@pytest.mark.parametrize(
    ("name", "shape", "has_fov"),
    [
        ("drive", (584, 565), True),
        ("stare", (605, 700), False),
        ("chasedb1", (960, 999), False),
        ("hrf", (2336, 3504), True),
        ("fives", (2048, 2048), False),
    ],
)
def test_published_pair_loads(
    data_root: Path, name: str, shape: tuple[int, int], has_fov: bool
) -> None:
    loaded = open_data(f"{name}:{data_root / SHARED_DATA[name][0]}", "all").pairs[0].load()
    assert loaded.photo.shape == (*shape, 3)
    assert loaded.truth.shape == shape
    assert set(np.unique(loaded.truth)) == {0, 255}
    assert 0.02 < (loaded.truth > 0).mean() < 0.2
    assert (loaded.fov is not None) == has_fov
    if loaded.fov is not None:
        assert loaded.fov.shape == shape
        assert 0.5 < (loaded.fov > 0).mean() < 0.95


def test_validation_photographs_match_the_readme(data_root: Path) -> None:
    fives = open_data(f"fives:{data_root / 'FIVES'}", "validation").pairs
    assert [pair.name.split("_")[0] for pair in fives] == ["37", "39"]
    hrf = open_data(f"hrf:{data_root / 'HRF'}", "validation").pairs
    assert [pair.name for pair in hrf] == ["09_dr", "09_g", "09_h", "10_dr", "10_g", "10_h"]
    chasedb1 = open_data(f"chasedb1:{data_root / 'CHASEDB1'}", "validation").pairs
    assert [p.name for p in chasedb1] == ["Image_09L", "Image_09R", "Image_10L", "Image_10R"]


def create_empty_files(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_complete_fives_uses_every_fifth_for_validation_and_keeps_its_test(tmp_path: Path) -> None:
    for part, count in (("train", 600), ("test", 200)):
        for number in range(1, count + 1):
            name = f"{number}_{'ADGN'[number % 4]}.png"
            folder = tmp_path / part
            create_empty_files(folder / "Original" / name, folder / "Ground truth" / name)
    pairs = open_data(f"fives:{tmp_path}", "all").pairs
    assert Counter(pair.split for pair in pairs) == {"train": 480, "validation": 120, "test": 200}
    # Photographs are sorted by number, not by name. In test/, the numbers start at 1 again.
    assert [pair.name for pair in pairs][:3] == ["1_D", "2_G", "3_N"]
    assert [pair.name for pair in pairs][600:602] == ["test_1_D", "test_2_G"]
    validation = open_data(f"fives:{tmp_path}", "validation").pairs
    assert [pair.name.split("_")[0] for pair in validation][:3] == ["5", "10", "15"]


def test_stare_photograph_counts_once_if_both_gzipped_and_unpacked(tmp_path: Path) -> None:
    photos, labels = tmp_path / "stare-images", tmp_path / "labels-ah"
    create_empty_files(
        photos / "im0001.ppm",
        photos / "im0001.ppm.gz",
        photos / "im0002.ppm.gz",
        labels / "im0001.ah.ppm.gz",
        labels / "im0002.ah.ppm",
    )
    pairs = open_data(f"stare:{tmp_path}", "test").pairs
    assert [pair.name for pair in pairs] == ["im0001", "im0002"]


@pytest.mark.parametrize("name", sorted(READERS))
def test_empty_folder_is_rejected_with_expected_layout(tmp_path: Path, name: str) -> None:
    with pytest.raises(SystemSetupError, match="Expected layout") as error:
        open_data(f"{name}:{tmp_path}", "all")
    assert str(error.value).startswith(str(tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "files", "missing"),
    [
        ("drive", ["test/images/01_test.tif"], "test/1st_manual/01_manual1.gif"),
        ("stare", ["stare-images/im0001.ppm"], "labels-ah/im0001.ah.ppm"),
        ("chasedb1", ["Image_01L.jpg"], "Image_01L_1stHO.png"),
        ("hrf", ["images/01_dr.JPG", "manual1/01_dr.tif"], "mask/01_dr_mask.tif"),
        ("fives", ["train/Original/1_A.png"], "train/Ground truth/1_A.png"),
    ],
)
def test_error_of_missing_mask_names_the_photograph(
    tmp_path: Path, name: str, files: list[str], missing: str
) -> None:
    create_empty_files(*(tmp_path / file for file in files))
    with pytest.raises(SystemSetupError) as error:
        open_data(f"{name}:{tmp_path}", "all")
    assert str(tmp_path / files[0]) in str(error.value)
    assert str(tmp_path / missing) in str(error.value)
    assert "\n" not in str(error.value)
