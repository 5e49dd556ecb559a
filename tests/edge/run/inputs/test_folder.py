"""Photographs in a folder are detected from the content. Other files are counted per kind."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from cv2.typing import MatLike

from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.run.inputs.folder import FolderScanner
from edgeseg.synthetic import generate_photo

SYNTHETIC = generate_photo(3, 160)
PNG = encode_png(SYNTHETIC.photo)
JPEG = bytes(cv2.imencode(".jpg", SYNTHETIC.photo[:, :, ::-1])[1])
HEIC = b"\0\0\0\x18ftypheic" + bytes(64)
DICOM = bytes(128) + b"DICM" + bytes(64)


def name_id(value: str | bytes) -> str:
    """Return the file name as identifier of the test."""
    return value if isinstance(value, str) else ""


def encode(suffix: str, image: MatLike) -> bytes:
    return bytes(cv2.imencode(suffix, image)[1])


def list_names(folder: Path, recursive: bool = False) -> list[str]:
    photographs = FolderScanner(recursive).scan(folder).photographs
    return [path.relative_to(folder).as_posix() for path in photographs]


def test_scan_returns_natural_order(tmp_path: Path) -> None:
    names = [
        "1_test.tif", "2_test.TIF", "9_test.tif", "10_test.tif", "A1.png", "a2.png",
        "im0001.ppm.gz", "im0010.ppm.gz",
    ]  # fmt: skip
    for name in reversed(names):
        (tmp_path / name).write_bytes(b"x")
    assert list_names(tmp_path) == names


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jfif", JPEG),
        ("a.JPE", JPEG),
        ("a.mpo", JPEG),
        ("IMG001", JPEG),
        ("a.txt", PNG),
        ("a.bin", encode(".bmp", SYNTHETIC.photo)),
        ("a.dat", encode(".tiff", SYNTHETIC.photo)),
        ("a.pnm1", encode(".ppm", SYNTHETIC.photo)),
        ("a.z", gzip.compress(PNG)),
        ("a.webp", encode(".webp", SYNTHETIC.photo)),
        ("a.heic", HEIC),
        ("IMG_1", HEIC),
        ("a.dcm", DICOM),
        ("damaged.png", b"not an image"),
        ("empty.jpg", b""),
    ],
    ids=name_id,
)
def test_scan_recognizes_photograph_with_any_suffix(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert list_names(tmp_path) == [name]


@pytest.mark.parametrize("first_row", [0, 190, 340])
def test_scan_recognizes_jpeg_with_colour_in_any_part(tmp_path: Path, first_row: int) -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    image[:, 100:300] = 255  # without its colour, the image is a mask
    image[first_row:, 100:300] = (0, 160, 255)
    (tmp_path / "eye.jpg").write_bytes(encode(".jpg", image))
    assert list_names(tmp_path) == ["eye.jpg"]
    image[first_row:, 100:300] = 255
    (tmp_path / "eye.jpg").write_bytes(encode(".jpg", image))
    assert list_names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"text"),
        ("BMI.csv", b"BMI,age\n21,50\n"),
        ("P1.txt", b"P1,od.png\n"),
        ("model.onnx", b"\x08\x08"),
        ("archive.gz", gzip.compress(b"text")),
        ("empty", b""),
    ],
    ids=name_id,
)
def test_scan_counts_other_files(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    listing = FolderScanner().scan(tmp_path)
    assert listing.photographs == []
    assert listing.skipped.count("other") == 1
    assert (Path(name).suffix.lower() or "no suffix") in listing.skipped.describe()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("clip.mp4", b"\0\0\0\x18ftypisom" + bytes(20)),
        ("clip", b"\0\0\0\x18ftypmp42" + bytes(20)),
        ("clip.mjpeg", JPEG),
        ("clip.x", b"RIFF\0\0\0\0AVI "),
    ],
    ids=name_id,
)
def test_scan_counts_videos(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert FolderScanner().scan(tmp_path).skipped.count("video") == 1


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("eye_1stHO.png", encode_png(SYNTHETIC.truth)),
        ("any.png", encode_png(SYNTHETIC.truth)),
        ("any.gif", encode(".gif", cv2.merge([SYNTHETIC.truth] * 3))),
        ("any.tif", encode(".tif", SYNTHETIC.truth)),
        ("any.bmp", encode(".bmp", cv2.merge([SYNTHETIC.truth] * 3))),
        ("any.ppm.gz", gzip.compress(encode(".pgm", SYNTHETIC.truth))),
        ("field.png", encode_png(SYNTHETIC.fov)),
        ("manual1/eye.png", encode_png(SYNTHETIC.truth // 255)),
        ("masks/eye.jpg", encode(".jpg", SYNTHETIC.truth)),
        ("labels-ah/eye.png", encode_png(cv2.blur(SYNTHETIC.truth, (3, 3)).astype(np.uint8))),
        ("colours.png", encode_png(np.dstack([SYNTHETIC.truth, SYNTHETIC.fov, SYNTHETIC.truth]))),
    ],
    ids=name_id,
)
def test_scan_counts_masks(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(data)
    listing = FolderScanner(recursive=True).scan(tmp_path)
    assert listing.photographs == []
    assert listing.skipped.count("mask") == 1


@pytest.mark.parametrize("name", ["eye_mask.png", "manual1/eye.png", "masks/eye.jpg"])
def test_scan_returns_photograph_with_name_of_mask(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(JPEG if name.endswith("jpg") else PNG)
    assert list_names(tmp_path, recursive=True) == [name]


def test_scan_counts_results_by_name_and_content(tmp_path: Path) -> None:
    (tmp_path / "a_vessels.png").write_bytes(b"x")
    (tmp_path / "a_probability.PNG").write_bytes(b"x")
    text = b"edgeseg:model\0x"
    (tmp_path / "renamed.png").write_bytes(
        PNG[:33] + b"\0\0\0\x0ftEXt" + text + bytes(4) + PNG[33:]
    )
    (tmp_path / "renamed.jpg").write_bytes(encode_jpeg(SYNTHETIC.photo, {"edgeseg:model": "x"}))
    assert FolderScanner().scan(tmp_path).skipped.count("result") == 4


def test_scan_counts_subfolders_unless_recursive(tmp_path: Path) -> None:
    for folder in ("p2", "p10", "p10/deeper", ".git"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "od.png").write_bytes(PNG)
    (tmp_path / "loose.png").write_bytes(PNG)
    listing = FolderScanner().scan(tmp_path)
    assert [path.name for path in listing.photographs] == ["loose.png"]
    assert listing.skipped.count("folder") == 2
    expected = ["loose.png", "p2/od.png", "p10/od.png", "p10/deeper/od.png"]
    assert list_names(tmp_path, recursive=True) == expected


def test_scan_follows_links_to_folders_but_not_to_parents(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.png").write_bytes(PNG)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "patient").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    (tmp_path / "elsewhere" / "up").symlink_to(folder)
    listing = FolderScanner(recursive=True).scan(folder)
    assert listing.photographs == [folder / "patient" / "a.png"]
    assert listing.skipped.count("loop") == 2


def test_scan_returns_broken_link_to_photograph(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "missing.png")
    (tmp_path / "notes").symlink_to(tmp_path / "missing.txt")
    listing = FolderScanner().scan(tmp_path)
    assert [path.name for path in listing.photographs] == ["a.png"]
    assert listing.skipped.count("other") == 1


def test_scan_counts_hidden_files_except_those_of_operating_systems(tmp_path: Path) -> None:
    for name in (".DS_Store", "._a.png", "Thumbs.db", ".edgeseg-claims", ".hidden.png"):
        (tmp_path / name).write_bytes(b"x")
    listing = FolderScanner().scan(tmp_path)
    assert listing.photographs == []
    assert list(listing.skipped.kinds) == [tmp_path / ".hidden.png"]


def test_scan_does_not_open_pipes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    listing = FolderScanner().scan(tmp_path)
    assert listing.photographs == []
    assert listing.skipped.count("other") == 1


def test_scan_again_detects_changed_file(tmp_path: Path) -> None:
    scanner = FolderScanner()
    file = tmp_path / "a"
    file.write_bytes(b"")
    assert scanner.scan(tmp_path).photographs == []
    file.write_bytes(PNG)
    assert scanner.scan(tmp_path).photographs == [file]


@pytest.mark.parametrize(("folder", "photographs"), [("CHASEDB1", 28), ("STARE", 20)])
def test_scan_counts_masks_of_published_sets(
    data_root: Path, folder: str, photographs: int
) -> None:
    listing = FolderScanner(recursive=True).scan(data_root / folder)
    assert len(listing.photographs) == photographs
    assert listing.skipped.count("mask") == 2 * photographs
