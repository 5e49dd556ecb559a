"""Readers: the published layouts as they are, and wrong ones refused in one line that names the file."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgeseg.datasets import LICENCES, READERS, open_data
from edgeseg.datasets.synthetic_pairs import FIRST_SEED
from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.synthetic import generate_photo

COUNTS = {
    "drive": ("DRIVE", {"train": 20, "test": 20}),
    "stare": ("STARE", {"test": 20}),
    "chasedb1": ("CHASEDB1", {"train": 16, "validation": 4, "test": 8}),
    "hrf": ("HRF", {"train": 24, "validation": 6, "test": 15}),
    "fives": ("FIVES", {"train": 8, "validation": 2}),
}


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    """The message, which must be one line."""
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_published_sets_have_their_splits(data_root: Path, name: str) -> None:
    folder, counts = COUNTS[name]
    whole = open_data(f"{name}:{data_root / folder}", "all").pairs
    assert Counter(pair.split for pair in whole) == counts
    assert len({pair.name for pair in whole}) == len(whole)
    for split in ("train", "validation", "test"):
        if split in counts:
            chosen = open_data(f"{name}:{data_root / folder}", split)
            assert [pair.name for pair in chosen.pairs] == [
                p.name for p in whole if p.split == split
            ]
            assert chosen.notice == ""
        else:
            with pytest.raises(SystemSetupError, match=f"no photographs of the split '{split}'"):
                open_data(f"{name}:{data_root / folder}", split)


@pytest.mark.parametrize(
    ("name", "shape", "published_fov"),
    [
        ("drive", (584, 565), True),
        ("stare", (605, 700), False),
        ("chasedb1", (960, 999), False),
        ("hrf", (2336, 3504), True),
        ("fives", (2048, 2048), False),
    ],
)
def test_a_published_pair_loads(
    data_root: Path, name: str, shape: tuple[int, int], published_fov: bool
) -> None:
    loaded = open_data(f"{name}:{data_root / COUNTS[name][0]}", "all").pairs[0].load()
    assert loaded.photo.shape == (*shape, 3)
    assert loaded.truth.shape == shape
    assert set(np.unique(loaded.truth)) == {0, 255}
    assert 0.02 < (loaded.truth > 0).mean() < 0.2
    assert (loaded.fov is not None) == published_fov
    if loaded.fov is not None:
        assert loaded.fov.shape == shape
        assert 0.5 < (loaded.fov > 0).mean() < 0.95


def test_the_shared_splits_are_those_of_the_readme(data_root: Path) -> None:
    fives = open_data(f"fives:{data_root / 'FIVES'}", "all").pairs
    assert [p.name.split("_")[0] for p in fives if p.split == "validation"] == ["37", "39"]
    hrf = open_data(f"hrf:{data_root / 'HRF'}", "validation").pairs
    assert [p.name for p in hrf] == ["09_dr", "09_g", "09_h", "10_dr", "10_g", "10_h"]
    chase = open_data(f"chasedb1:{data_root / 'CHASEDB1'}", "validation").pairs
    assert [p.name for p in chase] == ["Image_09L", "Image_09R", "Image_10L", "Image_10R"]


def fives(folder: Path, part: str, numbers: range) -> None:
    """Empty files in FIVES' layout."""
    for place in ("Original", "Ground truth"):
        (folder / part / place).mkdir(parents=True)
        for number in numbers:
            (folder / part / place / f"{number}_{'ADGN'[number % 4]}.png").touch()


def test_a_full_fives_download_validates_on_every_fifth_and_keeps_its_test(tmp_path: Path) -> None:
    fives(tmp_path, "train", range(1, 601))
    fives(tmp_path, "test", range(1, 201))
    counts = Counter(pair.split for pair in open_data(f"fives:{tmp_path}", "all").pairs)
    assert counts == {"train": 480, "validation": 120, "test": 200}
    validation = open_data(f"fives:{tmp_path}", "validation").pairs
    assert [pair.name.split("_")[0] for pair in validation][:3] == ["5", "10", "15"]


def test_stare_gzipped_and_unpacked_side_by_side_counts_once(tmp_path: Path) -> None:
    for name in ("im0001.ppm", "im0001.ppm.gz", "im0002.ppm.gz"):
        (tmp_path / "stare-images").mkdir(exist_ok=True)
        (tmp_path / "stare-images" / name).touch()
    for name in ("im0001.ah.ppm.gz", "im0002.ah.ppm"):
        (tmp_path / "labels-ah").mkdir(exist_ok=True)
        (tmp_path / "labels-ah" / name).touch()
    assert [pair.name for pair in open_data(f"stare:{tmp_path}", "test").pairs] == [
        "im0001",
        "im0002",
    ]


@pytest.mark.parametrize("name", sorted(READERS))
def test_an_empty_folder_is_refused_with_the_layout(tmp_path: Path, name: str) -> None:
    with pytest.raises(SystemSetupError) as error:
        open_data(f"{name}:{tmp_path}", "all")
    assert str(tmp_path) in one_line(error)
    assert "expected" in one_line(error)


@pytest.mark.parametrize(
    ("name", "photographs", "missing"),
    [
        ("drive", ["test/images/01_test.tif"], "test/1st_manual/01_manual1.gif"),
        ("stare", ["stare-images/im0001.ppm"], "labels-ah/im0001.ah.ppm"),
        ("chasedb1", ["Image_01L.jpg"], "Image_01L_1stHO.png"),
        ("hrf", ["images/01_dr.JPG", "manual1/01_dr.tif"], "mask/01_dr_mask.tif"),
        ("fives", ["train/Original/1_A.png"], "train/Ground truth/1_A.png"),
    ],
)
def test_a_photograph_without_its_mask_is_named(
    tmp_path: Path, name: str, photographs: list[str], missing: str
) -> None:
    for file in photographs:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(SystemSetupError) as error:
        open_data(f"{name}:{tmp_path}", "all")
    assert str(tmp_path / photographs[0]) in one_line(error)
    assert str(tmp_path / missing) in one_line(error)


@pytest.mark.parametrize(
    "spec", ["drive", "drive:", "retina:x", ":x", "", "synthetic", "synthetic:", "DRIVE:x"]
)
def test_a_wrong_spec_lists_what_there_is(spec: str) -> None:
    with pytest.raises(UsageError) as error:
        open_data(spec, "test")
    for name in [*READERS, "synthetic"]:
        assert name in one_line(error)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemSetupError, match=r"there is no folder .*nowhere"):
        open_data(f"drive:{tmp_path / 'nowhere'}", "test")


def test_every_set_has_a_licence() -> None:
    assert set(LICENCES) == {*READERS, "synthetic"}


def test_synthetic_splits_share_no_seed() -> None:
    whole = open_data("synthetic:50", "all").pairs
    assert Counter(pair.split for pair in whole) == {"train": 50, "validation": 50, "test": 50}
    assert len({pair.name for pair in whole}) == 150
    seeds = sorted(FIRST_SEED.values())
    assert min(b - a for a, b in pairwise(seeds)) >= 1_000_000


def test_a_synthetic_pair_is_what_is_drawn() -> None:
    loaded = open_data("synthetic:1", "test").pairs[0].load()
    drawn = generate_photo(FIRST_SEED["test"], 1024)
    assert np.array_equal(loaded.photo, drawn.photo)
    assert np.array_equal(loaded.truth, drawn.truth)
    assert loaded.fov is not None
    assert np.array_equal(loaded.fov, drawn.fov)


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "many", "1000001", "9" * 5000])
def test_a_wrong_number_of_drawn_photographs_is_refused(count: str) -> None:
    with pytest.raises(UsageError, match="synthetic:N"):
        open_data(f"synthetic:{count}", "test")
