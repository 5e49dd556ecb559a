"""Estimate of the memory for a photograph from the beginning of its file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.imaging.required_memory import estimate_bytes, estimate_file
from edgeseg.imaging.size_limits import MAX_REQUIRED_BYTES
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
    assert estimate_bytes(JPEG[:1000], len(JPEG)) == MAX_REQUIRED_BYTES
