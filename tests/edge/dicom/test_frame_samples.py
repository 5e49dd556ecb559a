"""Samples of DICOM files: palettes, inverted grey values, and more than 8 bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.photo import decode_photo

Maker: TypeAlias = Callable[..., bytes]

OPHTHALMIC_16 = "1.2.840.10008.5.1.4.1.1.77.1.5.2"


def test_monochrome1_is_inverted(photo: Photo, make_dicom: Maker) -> None:
    grey = np.ascontiguousarray(photo[:, :, 1])
    decoded = decode_photo(make_dicom(~grey, "MONOCHROME1"))
    assert np.array_equal(decoded, np.repeat(grey[:, :, np.newaxis], 3, axis=2))


def test_palette_gives_colours(photo: Photo, make_dicom: Maker) -> None:
    small = photo // 64
    indices = small[:, :, 0] * 16 + small[:, :, 1] * 4 + small[:, :, 2]
    levels = np.arange(64)
    red, green, blue = levels // 16 * 64, levels // 4 % 4 * 64, levels % 4 * 64
    descriptor = [64, 0, 16]
    tables = {
        "RedPaletteColorLookupTableData": red,
        "GreenPaletteColorLookupTableData": green,
        "BluePaletteColorLookupTableData": blue,
    }
    elements: dict[str, object] = {}
    for keyword, table in tables.items():
        elements[keyword] = (table * 257).astype("<u2").tobytes()
        elements[keyword.replace("Data", "Descriptor")] = descriptor
    decoded = decode_photo(make_dicom(indices, "PALETTE COLOR", **elements))
    assert np.array_equal(decoded, small * 64)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_16_bit_colours_are_scaled_by_bits_stored(
    photo: Photo, bits: int, make_dicom: Maker
) -> None:
    maximum = (1 << bits) - 1
    samples = np.rint(photo / 255 * maximum).astype(np.uint16)
    data = make_dicom(samples, sop_class=OPHTHALMIC_16, BitsStored=bits, HighBit=bits - 1)
    assert np.abs(decode_photo(data).astype(int) - photo).max() <= 1


def test_16_bit_grey_is_scaled_by_window(photo: Photo, make_dicom: Maker) -> None:
    grey = photo[:, :, 1].astype(np.uint16) * 4 + 1000
    data = make_dicom(
        grey, "MONOCHROME2", sop_class=OPHTHALMIC_16, WindowCenter="1510.5", WindowWidth="1021"
    )
    assert np.abs(decode_photo(data)[:, :, 0].astype(int) - photo[:, :, 1]).max() <= 1


def test_bits_above_bits_stored_are_ignored(photo: Photo, make_dicom: Maker) -> None:
    grey = photo[:, :, 1].astype(np.uint16) << 4
    overlay = grey | np.uint16(0x8000)
    plain = make_dicom(grey, "MONOCHROME2", BitsStored=12, HighBit=11)
    with_overlay = make_dicom(overlay, "MONOCHROME2", BitsStored=12, HighBit=11)
    assert np.array_equal(decode_photo(with_overlay), decode_photo(plain))
