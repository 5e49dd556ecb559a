"""Conversion of arrays and PIL images that callers of the Python API pass."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.errors import PhotoError
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.convert import to_photo
from edgeseg.imaging.encoder import encode_png


def make_photo() -> Photo:
    y, x = np.mgrid[0:40, 0:64]
    return np.stack([255 - y * 4, 30 + x * 3, 20 + x + y], axis=-1).astype(np.uint8)


ALPHA = np.full((40, 64, 1), 255, np.uint8)
SAME: dict[str, Any] = {
    "uint8": make_photo(),
    "bytes": encode_png(make_photo()),
    "bytearray": bytearray(encode_png(make_photo())),
    "RGBA": np.concatenate([make_photo(), ALPHA], axis=2),
    "unused alpha": np.concatenate([make_photo(), 0 * ALPHA], axis=2),
    "uint16, 8 bits": make_photo().astype(np.uint16),
    "uint16, 12 bits": np.rint(make_photo() * (4095 / 255)).astype(np.uint16),
    "uint16, 16 bits": make_photo().astype(np.uint16) * 257,
    "uint16, RGBA": np.concatenate([make_photo(), ALPHA], axis=2).astype(np.uint16) * 257,
    "int64": make_photo().astype(np.int64),
    "float32, 0 to 1": (make_photo() / 255).astype(np.float32),
    "float64, 0 to 255": make_photo().astype(np.float64),
    "float16, 0 to 1": (make_photo() / 255).astype(np.float16),
    "strided": np.repeat(make_photo(), 2, axis=1)[:, ::2],
}


@pytest.mark.parametrize("kind", SAME)
def test_to_photo_supported_form_returns_the_same_pixels(kind: str) -> None:
    converted = to_photo(SAME[kind])
    assert converted.flags.c_contiguous
    np.testing.assert_array_equal(converted, make_photo())


@pytest.mark.parametrize("shape", [(40, 64), (40, 64, 1)])
@pytest.mark.parametrize("scale", [1, 1 / 255])
def test_to_photo_grey_returns_three_equal_channels(shape: tuple[int, ...], scale: float) -> None:
    grey = make_photo()[:, :, 0]
    values: npt.NDArray[Any] = (grey * scale).reshape(shape)
    np.testing.assert_array_equal(to_photo(values), np.dstack([grey] * 3))


def test_to_photo_transparent_pixels_are_black() -> None:
    rgba = np.concatenate([make_photo(), ALPHA], axis=2)
    rgba[:5, :, 3] = 0
    for array in (rgba, rgba / 255, rgba.astype(np.uint16) * 257):
        assert not to_photo(array)[:5].any()
        np.testing.assert_array_equal(to_photo(array)[5:], make_photo()[5:])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "LA", "1", "I;16", "F"])
def test_to_photo_pil_image_equals_its_rgb_version(mode: str) -> None:
    image = pytest.importorskip("PIL.Image")
    if mode == "I;16":
        pil_image = image.fromarray(make_photo()[:, :, 0].astype(np.uint16) * 257)
    else:
        pil_image = image.fromarray(make_photo()).convert(mode)
    converted = to_photo(pil_image)
    expected = np.asarray(image.fromarray(make_photo()).convert("L").convert("RGB"))
    if mode not in {"L", "LA", "1", "I;16", "F"}:
        expected = np.asarray(pil_image.convert("RGB"))
    if mode == "1":
        expected = np.asarray(pil_image.convert("RGB"))
    if mode == "I;16":
        expected = np.dstack([make_photo()[:, :, 0]] * 3)
    assert np.abs(converted.astype(int) - expected).max() <= 1


def test_to_photo_opened_pil_file_equals_the_file() -> None:
    image = pytest.importorskip("PIL.Image")
    np.testing.assert_array_equal(
        to_photo(image.open(io.BytesIO(encode_png(make_photo())))), make_photo()
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        [[1, 2], [3, 4]],
        np.zeros((3, 40, 64), np.uint8),
        np.zeros((40, 64, 2), np.uint8),
        np.zeros((2, 40, 64, 3), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.full((40, 64, 3), 300.0),
        np.full((40, 64, 3), -1.0),
        np.full((40, 64, 3), np.nan),
        np.full((40, 64, 3), -1, np.int16),
        np.full((40, 64, 3), 70_000, np.int32),
        np.zeros((40, 64, 3), bool),
        np.zeros((40, 64, 3), complex),
        np.full((40, 64, 3), "a"),
    ],
)
def test_to_photo_other_value_raises_one_line(value: Any) -> None:
    with pytest.raises(PhotoError, match=r"^eye: ") as caught:
        to_photo(value, "eye")
    assert "\n" not in str(caught.value)
