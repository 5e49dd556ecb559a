"""Estimate of the memory for a photograph from the beginning of its file."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.imaging.required_memory import estimate_bytes, estimate_file, estimate_tiff_page
from edgeseg.imaging.size_limits import MAX_REQUIRED_BYTES
from edgeseg.imaging.tiff_pages import list_tiff_pages
from edgeseg.synthetic import generate_photo

PHOTO = generate_photo(1, 200).photo
PNG = encode_png(PHOTO)
# The metadata before the size are longer than the first bytes that are read.
JPEG = encode_jpeg(PHOTO, {"long": "x" * 50_000})


@pytest.mark.parametrize("data", [PNG, JPEG, gzip.compress(PNG)], ids=["png", "jpeg", "gzip"])
def test_estimate_file_photograph_returns_bytes_for_its_pixels(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "photograph"
    path.write_bytes(data)
    pixels = PHOTO.shape[0] * PHOTO.shape[1]
    assert 6 * pixels < estimate_file(path) < 20 * pixels + len(data)


def test_estimate_file_missing_or_other_file_returns_zero(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no photograph")
    assert estimate_file(tmp_path / "notes.txt") == 0
    assert estimate_file(tmp_path / "missing.png") == 0


def test_estimate_bytes_without_size_returns_maximum() -> None:
    assert estimate_bytes(JPEG[:1000]) == MAX_REQUIRED_BYTES


def test_estimate_file_tiff_with_directory_at_the_end_reads_its_size(tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    image = np.zeros((1500, 1200, 3), np.uint8)
    assert cv2.imwrite(str(path), image, (cv2.IMWRITE_TIFF_COMPRESSION, 1))
    data = path.read_bytes()
    (offset,) = struct.unpack_from("<I", data, 4)
    assert offset > 1 << 22
    assert image.size < estimate_file(path) < 10 * image.size
    assert estimate_file(path) == estimate_bytes(data)


def test_estimate_bytes_tiff_returns_maximum_of_its_pages(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    pages = [np.zeros((side, side, 3), np.uint8) for side in (300, 500)]
    assert cv2.imwritemulti(str(path), pages)
    data = path.read_bytes()
    first, second = list_tiff_pages(data).photographs
    # The file is copied to select a page.
    estimate = estimate_tiff_page(data, second, 2 * len(data))
    assert estimate_bytes(data) == estimate > estimate_tiff_page(data, first, 2 * len(data)) > 0


@pytest.mark.parametrize("link", [1 << 62, 1 << 63, (1 << 64) - 1])
def test_estimate_file_bigtiff_with_damaged_link_equals_estimate_of_its_bytes(
    tmp_path: Path, link: int
) -> None:
    entries = b"".join(
        struct.pack("<HHQQ", tag, 4, 1, value)
        for tag, value in ((256, 60), (257, 50), (273, link), (279, 9000))
    )
    header = b"II+\0" + struct.pack("<HHQ", 8, 0, 16)
    data = header + struct.pack("<Q", 4) + entries + struct.pack("<Q", link)
    path = tmp_path / "damaged.tif"
    path.write_bytes(data)
    assert 0 < estimate_file(path) == estimate_bytes(data) < 100_000


def test_estimate_of_small_gzip_file_reads_a_directory_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    assert cv2.imwrite(str(path), np.zeros((900, 900), np.uint8), (cv2.IMWRITE_TIFF_COMPRESSION, 1))
    packed = gzip.compress(path.read_bytes())
    (tmp_path / "mask.tif.gz").write_bytes(packed)
    assert len(packed) < 10_000
    assert estimate_file(tmp_path / "mask.tif.gz") == estimate_bytes(packed) < MAX_REQUIRED_BYTES


def test_estimate_of_gzipped_tiff_is_not_below_the_largest_page(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    small, large = np.zeros((100, 100, 3), np.uint8), np.zeros((1500, 2000, 3), np.uint8)
    for pages, is_known in (((small, large[:900, :900]), True), ((small, large), False)):
        assert cv2.imwritemulti(str(path), pages, (cv2.IMWRITE_TIFF_COMPRESSION, 1))
        data = path.read_bytes()
        packed = gzip.compress(data)
        (tmp_path / "pages.tif.gz").write_bytes(packed)
        estimate = estimate_bytes(packed)
        assert estimate == estimate_file(tmp_path / "pages.tif.gz") >= estimate_bytes(data)
        assert (estimate < MAX_REQUIRED_BYTES) is is_known


def test_estimate_bytes_bmp_with_negative_size_is_not_negative() -> None:
    sizes = struct.pack("<IiiHHI", 40, -30_000, 30_000, 1, 24, 0)
    data = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + sizes + bytes(20)
    assert estimate_bytes(data) >= 0


def test_estimate_bytes_gzip_counts_packed_and_unpacked_bytes() -> None:
    ppm = b"P6 1000 1000 255\n" + bytes(3_000_000)
    packed = gzip.compress(ppm)
    assert estimate_bytes(packed) == estimate_bytes(ppm) + len(packed)
