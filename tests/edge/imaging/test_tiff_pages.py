"""Pages of TIFF files: thumbnails are skipped, and all photographs are read."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.errors import PhotoError
from edgeseg.imaging.photo import decode_photo
from edgeseg.imaging.tiff_pages import list_tiff_pages, select_tiff_page


def make_page(side: int, value: int) -> npt.NDArray[np.uint8]:
    return np.full((side, side, 3), value, np.uint8)


def encode_pages(*pages: npt.NDArray[Any]) -> bytes:
    success, data = cv2.imencodemulti(".tif", pages)
    assert success
    return data.tobytes()


def test_list_tiff_pages_single_page_is_one_photograph() -> None:
    data = encode_pages(make_page(64, 50))
    pages = list_tiff_pages(data)
    assert (len(pages.photographs), pages.skipped) == (1, 0)
    assert select_tiff_page(data, pages.photographs[0]) is data


@pytest.mark.parametrize("first", [True, False])
def test_decode_photo_thumbnail_page_is_not_read(first: bool) -> None:
    pages = [make_page(16, 200), make_page(64, 50)]
    data = encode_pages(*(pages if first else pages[::-1]))
    listed = list_tiff_pages(data)
    assert (len(listed.photographs), listed.skipped) == (1, 1)
    np.testing.assert_array_equal(decode_photo(data), make_page(64, 50))


def test_select_tiff_page_each_photograph_is_decoded() -> None:
    values = [40, 90, 140]
    data = encode_pages(*(make_page(64, value) for value in values))
    pages = list_tiff_pages(data)
    decoded = [decode_photo(select_tiff_page(data, offset)) for offset in pages.photographs]
    assert [int(page.max()) for page in decoded] == values
    assert pages.skipped == 0


@pytest.mark.parametrize("flag", [1, 4])
def test_list_tiff_pages_marked_page_is_skipped(flag: int) -> None:
    """Page of full size that the file marks as a thumbnail (1) or a mask (4)."""
    data = bytearray(encode_pages(make_page(64, 200), make_page(64, 50)))
    first = list_tiff_pages(bytes(data)).photographs[0]
    entry = first + 2
    while struct.unpack_from("<H", data, entry)[0] != 254:
        entry += 12
    struct.pack_into("<I", data, entry + 8, flag)
    assert list_tiff_pages(bytes(data)).skipped == 1
    np.testing.assert_array_equal(decode_photo(bytes(data)), make_page(64, 50))


def decoding_codes(data: bytes) -> list[str]:
    """Return the error code of each listed page; an empty string for a page that is decoded."""
    codes = []
    for offset in list_tiff_pages(data).photographs:
        try:
            decode_photo(select_tiff_page(data, offset))
            codes.append("")
        except PhotoError as error:
            codes.append(error.code)
    return codes


def test_list_tiff_pages_damaged_directory_is_a_page_that_cannot_be_decoded() -> None:
    data = bytearray(encode_pages(*(make_page(64, value) for value in (40, 90, 140))))
    second = list_tiff_pages(bytes(data)).photographs[1]
    entry = second + 2
    while struct.unpack_from("<H", data, entry)[0] != 258:
        entry += 12
    data[entry + 11] ^= 0x40  # offset of the numbers of bits
    assert decoding_codes(bytes(data)) == ["", "undecodable", ""]
    assert list_tiff_pages(bytes(data)).skipped == 0


def test_list_tiff_pages_loop_of_pages_ends() -> None:
    data = bytearray(encode_pages(make_page(64, 200), make_page(64, 50)))
    first, second = list_tiff_pages(bytes(data)).photographs
    (count,) = struct.unpack_from("<H", data, second)
    struct.pack_into("<I", data, second + 2 + 12 * count, first)
    assert len(list_tiff_pages(bytes(data)).photographs) == 2


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_decode_photo_damaged_pages_return_image_or_raise(data: st.DataObject) -> None:
    damaged = bytearray(encode_pages(make_page(16, 9), make_page(40, 50), make_page(40, 90)))
    offsets = st.integers(0, 8) | st.integers(len(damaged) // 2, len(damaged) - 1)
    changes = st.lists(st.tuples(offsets, st.integers(0, 255)), min_size=1, max_size=6)
    for offset, value in data.draw(changes):
        damaged[offset] = value
    try:
        assert decode_photo(bytes(damaged)).dtype == np.uint8
    except PhotoError as error:
        assert "\n" not in str(error)
