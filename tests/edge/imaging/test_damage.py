"""Number of accepted files with flipped bits or zeros at the end, for every format.

If this file is run as a program, it prints the table of `docs/formats.md`: `python test_damage.py
[TRIES]`. An accepted file is a visible miss if more than 1 % of its pixels differ by more than 16
levels.
"""

import random
import struct
import sys

import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.errors import PhotoError
from edgeseg.imaging.photo import decode_photo
from fuzz.sample_images import FILES, make_deflated_tiff, make_rle_bmp

SEED = 23


def decode_or_none(data: bytes) -> npt.NDArray[np.uint8] | None:
    try:
        return decode_photo(data)
    except PhotoError:
        return None


def is_visible_miss(damaged: bytes, expected: npt.NDArray[np.uint8]) -> bool:
    """Return whether a damaged file is accepted and its pixels are visibly wrong."""
    decoded = decode_or_none(damaged)
    if decoded is None:
        return False
    if decoded.shape != expected.shape:
        return True
    difference = np.abs(decoded.astype(np.int16) - expected).max(axis=2)
    return bool((difference > 16).mean() > 0.01)


def count_bit_flips(data: bytes, tries: int, first: int = 0, end: int | None = None) -> int:
    """Return the number of files with flipped bits for which `is_visible_miss` is true."""
    expected = decode_photo(data)
    generator = random.Random(SEED)
    misses = 0
    for _ in range(tries):
        damaged = bytearray(data)
        damaged[generator.randrange(first, end or len(data))] ^= 1 << generator.randrange(8)
        misses += is_visible_miss(bytes(damaged), expected)
    return misses


def count_zeroed_tails(data: bytes, tries: int) -> int:
    expected = decode_photo(data)
    generator = random.Random(SEED)
    misses = 0
    for _ in range(tries):
        start = generator.randrange(len(data) // 4, len(data) * 9 // 10)
        misses += is_visible_miss(data[:start] + bytes(len(data) - start), expected)
    return misses


@pytest.mark.parametrize("kind", FILES)
def test_decode_photo_damage_file_is_valid(kind: str) -> None:
    assert decode_photo(FILES[kind]()).shape[2] == 3


@pytest.mark.parametrize("kind", ["PNG", "PNG, rotated", "GIF", "BMP, RLE8", "BMP, RLE4"])
def test_decode_photo_zeroed_tail_raises(kind: str) -> None:
    assert count_zeroed_tails(FILES[kind](), 60) == 0


@pytest.mark.parametrize("kind", ["PNG", "PNG, rotated"])
def test_decode_photo_png_with_any_flipped_bit_raises_or_is_unchanged(kind: str) -> None:
    assert count_bit_flips(FILES[kind](), 300) == 0


@pytest.mark.parametrize("rows_per_strip", [16, 40])
def test_decode_photo_tiff_with_flip_in_deflated_strip_raises(rows_per_strip: int) -> None:
    data = make_deflated_tiff(rows_per_strip)
    # Adler-32 is weak: one of thousands of flipped bits changes a few pixels, but not the checksum.
    assert count_bit_flips(data, 300, 8, len(data) - 200) == 0


@pytest.mark.parametrize(
    ("kind", "share"),
    [("TIFF, JPEG", 0.16), ("TIFF, PackBits", 0.012), ("TIFF, G4", 0.08), ("BMP, RLE8", 0.03)],
)
def test_decode_photo_detects_most_flipped_bits(kind: str, share: float) -> None:
    assert count_bit_flips(FILES[kind](), 300) <= share * 300


@pytest.mark.parametrize(
    "codes",
    [
        b"\0\1",
        b"\x80\0\0\0" * 95 + b"\0\1",
        b"\x80\0\0\0" * 96 + b"\x80\0\0\1",
        b"\x80\0\0\0" * 95 + b"\x7f\0\0\1",
        b"\x80\0\0\0" * 95 + b"\x81\0\0\1",
        b"\x80\0\0\2\0\1" + b"\x80\0\0\0" * 95 + b"\0\1",
        b"\x80\0\0\0" * 96,
    ],
    ids=["none", "row_missing", "row_too_many", "short_row", "long_row", "delta", "no_end"],
)
def test_decode_photo_bmp_with_missing_or_additional_pixels_raises(codes: bytes) -> None:
    valid = make_rle_bmp()
    start = struct.unpack_from("<I", valid, 10)[0]
    decode_photo(valid[:start] + b"\x80\0\0\0" * 96 + b"\0\1")
    with pytest.raises(PhotoError):
        decode_photo(valid[:start] + codes)


def print_table(tries: int) -> None:
    print(f"| format | visible misses of {tries:,} one-bit flips | of 200 zeroed tails |")  # noqa: T201
    print("|---|---|---|")  # noqa: T201
    for kind, make_file in FILES.items():
        data = make_file()
        flips = count_bit_flips(data, tries)
        tails = count_zeroed_tails(data, 200)
        print(f"| {kind} | {flips} | {tails} |")  # noqa: T201


if __name__ == "__main__":
    print_table(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
