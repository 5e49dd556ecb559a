"""Range of 16-bit samples: labels, hot pixels and real photographs."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.imaging.photo import decode_photo, read_photo
from edgeseg.imaging.sample_range import estimate_maximum
from edgeseg.synthetic import generate_photo

BITS = [10, 12, 14]


def encode_png(pixels: npt.NDArray[Any]) -> bytes:
    success, data = cv2.imencode(".png", pixels[:, :, ::-1])
    assert success
    return data.tobytes()


def decode_shifted(photo: npt.NDArray[np.uint8], bits: int, label: npt.NDArray[Any]) -> Any:
    deep = photo.astype(np.uint16) << (bits - 8)
    deep[label > 0] = 65535
    return decode_photo(encode_png(deep))


def draw_label(shape: tuple[int, ...], text: str = "OD 1900-01-01") -> npt.NDArray[np.uint8]:
    label = np.zeros(shape[:2], np.uint8)
    cv2.putText(label, text, (15, 45), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 2)
    return label


@pytest.mark.parametrize("bits", BITS)
def test_decode_photo_label_or_hot_pixel_does_not_change_the_rest(bits: int) -> None:
    photo = generate_photo(5, 500).photo
    hot_pixel = np.zeros(photo.shape[:2], np.uint8)
    hot_pixel[250, 250] = 255
    plain = decode_shifted(photo, bits, np.zeros_like(hot_pixel))
    assert np.abs(plain.astype(int) - photo).max() <= 1
    for label in (draw_label(photo.shape), hot_pixel):
        decoded = decode_shifted(photo, bits, label)
        np.testing.assert_array_equal(decoded[label == 0], plain[label == 0])
        assert (decoded[label > 0] == 255).all()


@pytest.mark.parametrize("bits", BITS)
def test_decode_photo_real_photograph_with_label_keeps_its_range(
    bits: int, data_root: Path
) -> None:
    for pattern in ("CHASEDB1/*_01L.jpg", "DRIVE/test/images/01*.tif", "FIVES/train/Original/2_A*"):
        photo = read_photo(next(data_root.glob(pattern)))
        decoded = decode_shifted(photo, bits, draw_label(photo.shape))
        unlabelled = draw_label(photo.shape) == 0
        assert np.abs(decoded.astype(int) - photo)[unlabelled].max() <= 1


@settings(deadline=None, max_examples=30)
@given(
    bits=st.sampled_from([8, 10, 12, 14, 16]),
    covered=st.floats(0.3, 1),
    bright=st.floats(0, 0.04),
    seed=st.integers(0, 9),
)
def test_estimate_maximum_few_bright_pixels_keep_the_cameras_range(
    bits: int, covered: float, bright: float, seed: int
) -> None:
    limit = (1 << bits) - 1
    rng = np.random.default_rng(seed)
    samples = rng.integers(limit // 3, limit + 1, (120, 100)).astype(np.uint16)
    samples[int(120 * covered) :] = 0
    lit = np.flatnonzero(samples)
    samples.flat[rng.choice(lit, int(bright * len(lit)), replace=False)] = 65535
    assert estimate_maximum(samples) == limit


@pytest.mark.parametrize("value", [0, 1, 255])
def test_estimate_maximum_dark_frame_with_hot_pixels_stays_dark(value: int) -> None:
    samples = np.full((64, 64, 3), value, np.uint16)
    samples[::16, ::16] = 65535
    assert estimate_maximum(samples) == (255 if value else 65535)


def make_packed_tiff(samples: list[int], width: int, bits: int) -> bytes:
    """Grey TIFF with samples that are packed without gaps."""
    digits = "".join(f"{sample:0{bits}b}" for sample in samples)
    pixels = int(digits, 2).to_bytes(len(digits) // 8, "big")
    height = len(samples) // width
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height}
    tags[279] = len(pixels)
    entries = b"".join(struct.pack("<HHII", number, 4, 1, tags[number]) for number in sorted(tags))
    header = struct.pack("<2sHI", b"II", 42, 8 + len(pixels))
    return header + pixels + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("bits", BITS)
def test_decode_photo_tiff_with_packed_bits_uses_the_stated_range(bits: int) -> None:
    """An estimate from the samples of this dark image would give fewer bits."""
    dark = make_packed_tiff([(1 << bits) // 20] * 64 * 64, 64, bits)
    assert np.abs(decode_photo(dark).astype(int) - 255 / 20).max() <= 1
