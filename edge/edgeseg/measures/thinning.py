"""Thinning of a mask to lines with a width of one pixel, with 64 pixels per machine word.

The algorithm is A1 of Guo and Hall (CACM 32(3), 1989). Its conditions are Boolean, so that one bit
operation evaluates 64 pixels. A mask of 2048x2048 pixels requires only 0.5 MB.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask

Flags: TypeAlias = npt.NDArray[np.bool_]

Words: TypeAlias = npt.NDArray[np.uint64]
"""Mask with 64 pixels per word, (H, W/64); the most significant bit is the leftmost pixel."""

_BAND_ROWS = 64  # number of rows per band; a band fits into the CPU cache
_ONE = np.uint64(1)
_LAST = np.uint64(63)


class Neighbours(NamedTuple):
    """Eight neighbours of every pixel as bit arrays, clockwise from the upper neighbour."""

    north: Words
    north_east: Words
    east: Words
    south_east: Words
    south: Words
    south_west: Words
    west: Words
    north_west: Words


def thin_mask(mask: Mask) -> Mask:
    """Return the skeleton of a mask with an empty margin of one pixel.

    Args:
        mask: (H, W) uint8, nonzero for vessels.

    Returns:
        (H + 2, W + 2) uint8 {0, 1}, contiguous.
    """
    height, width = mask.shape
    words = _pack(mask)
    removable = np.zeros_like(words)
    bands = [slice(top, min(top + _BAND_ROWS, height)) for top in range(0, height, _BAND_ROWS)]
    active = np.ones(len(bands), bool)
    while active.any():
        changed = np.zeros(len(bands), bool)
        for odd in (True, False):
            selected = np.flatnonzero(_with_neighbours(active | changed))
            for index in selected:
                rows = bands[index]
                band = words[rows.start : rows.stop + 2]
                removable[rows] = band[1:-1] & _removable(_neighbours(band), odd=odd)
                changed[index] |= removable[rows].any()
            for index in selected:
                words[1:-1][bands[index]] ^= removable[bands[index]]
        active = changed
    return _unpack(words, width + 2)


def _with_neighbours(bands: Flags) -> Flags:
    """Return True for each band that is marked or next to a marked band."""
    selected: Flags = bands.copy()
    selected[1:] |= bands[:-1]
    selected[:-1] |= bands[1:]
    return selected


def _pack(mask: Mask) -> Words:
    """Pack a mask into words, and add an empty margin."""
    height, width = mask.shape
    words = np.zeros((height + 2, (width + 2 + 63) // 64), np.uint64)
    padded = np.zeros((_BAND_ROWS, 64 * words.shape[1]), np.uint8)
    for top in range(0, height, _BAND_ROWS):
        band = mask[top : top + _BAND_ROWS]
        padded[: len(band), 1 : width + 1] = band
        packed = np.packbits(padded[: len(band)], axis=1).view(">u8")
        words[1 + top : 1 + top + len(band)] = packed
    return words


def _unpack(words: Words, width: int) -> Mask:
    """Unpack the first `width` pixels of each row, (rows, width) uint8 {0, 1}."""
    pixels = np.empty((len(words), width), np.uint8)
    for top in range(0, len(words), _BAND_ROWS):
        band = words[top : top + _BAND_ROWS].astype(">u8").view(np.uint8)
        pixels[top : top + _BAND_ROWS] = np.unpackbits(band, axis=1, count=width)
    return pixels


def _neighbours(words: Words) -> Neighbours:
    east, west = words << _ONE, words >> _ONE
    east[:, :-1] |= words[:, 1:] >> _LAST
    west[:, 1:] |= words[:, :-1] << _LAST
    return Neighbours(
        words[:-2], east[:-2], east[1:-1], east[2:], words[2:], west[2:], west[1:-1], west[:-2]
    )


def _removable(around: Neighbours, *, odd: bool) -> Words:
    """Return the pixels to remove in an odd or an even pass of the algorithm."""
    north, north_east, east, south_east, south, south_west, west, north_west = around
    one_component = _exactly_one(
        ~north & (north_east | east),
        ~east & (south_east | south),
        ~south & (south_west | west),
        ~west & (north_west | north),
    )
    first = (north_west | north, north_east | east, south_east | south, south_west | west)
    second = (north | north_east, east | south_east, south | south_west, west | north_west)
    at_least_two = _at_least_two(*first) & _at_least_two(*second)
    all_four = first[0] & first[1] & first[2] & first[3]
    all_four &= second[0] & second[1] & second[2] & second[3]
    if odd:
        keep = (north | north_east | ~south_east) & east
    else:
        keep = (south | south_west | ~north_west) & west
    removable: Words = one_component & at_least_two & ~all_four & ~keep
    return removable


def _exactly_one(first: Words, second: Words, third: Words, fourth: Words) -> Words:
    odd: Words = first ^ second ^ third ^ fourth
    return odd & ~_at_least_two(first, second, third, fourth)


def _at_least_two(first: Words, second: Words, third: Words, fourth: Words) -> Words:
    pairs: Words = (first & second) | (third & fourth)
    return pairs | ((first | second) & (third | fourth))
