"""Image encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeseg.imaging import encoder
from edgeseg.imaging.encoder import encode_jpeg, encode_png, encode_png_bands
from edgeseg.imaging.file_text import read_file_text
from edgeseg.imaging.photo import decode_photo


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3)])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_encode_png_keeps_every_value(
    shape: tuple[int, ...], depth: type[np.unsignedinteger[Any]]
) -> None:
    image = np.random.default_rng(1).integers(0, np.iinfo(depth).max, shape, depth)
    decoded = cv2.imdecode(np.frombuffer(encode_png(image), np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    assert decoded.dtype == image.dtype
    np.testing.assert_array_equal(decoded[:, :, ::-1] if len(shape) == 3 else decoded, image)


def test_encode_png_unsupported_shape_or_dtype_raises_type_error() -> None:
    for invalid in (
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4), np.float32),
        np.zeros((0, 4), np.uint8),
    ):
        with pytest.raises(TypeError):
            encode_png(invalid)  # type: ignore[arg-type]


def test_encode_png_equal_images_give_equal_files() -> None:
    image = np.random.default_rng(2).integers(0, 2, (90, 80), np.uint8) * np.uint8(255)
    assert encode_png(image, {"key": "value"}) == encode_png(image.copy(), {"key": "value"})


def test_encode_jpeg_keeps_colours_of_thin_lines() -> None:
    photo = np.full((64, 64, 3), (150, 60, 20), np.uint8)
    photo[:, 31] = (64, 255, 128)
    decoded = cv2.imdecode(np.frombuffer(encode_jpeg(photo), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    difference = decoded[:, :, ::-1].astype(int) - photo
    assert np.abs(difference[:, 31]).max() < 32
    assert np.abs(difference).mean() < 4


def test_encode_png_bands_decodes_to_the_joined_bands() -> None:
    image = np.random.default_rng(1).integers(0, 256, (70, 33, 3), np.uint8)
    bands = [image[top : top + 16] for top in range(0, 70, 16)]
    decoded = decode_photo(encode_png_bands(bands, 33, 70, {"key": "value"}))
    np.testing.assert_array_equal(decoded, image)


def test_encode_png_large_image_has_equal_pixels_and_texts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = np.random.default_rng(1).integers(0, 256, (300, 33, 3), np.uint8)
    monkeypatch.setattr(encoder, "_MAX_OPENCV_BYTES", 1)
    file = tmp_path / "image.png"
    file.write_bytes(encode_png(image, {"key": "value"}))
    np.testing.assert_array_equal(decode_photo(file.read_bytes()), image)
    assert read_file_text(file) == {"key": "value"}
