"""Graph of a skeleton's pixels and their links, without redundant pixels.

Two pixels are linked if they share an edge. Two pixels that share only a corner are linked if they
have no common neighbour (m-adjacency). With this rule, a fork has one branching pixel, and a
diagonal line has no branching pixels.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Indices: TypeAlias = npt.NDArray[np.int64]

_MAX_LIST = 1 << 18  # a list of this length requires up to 10 MB

_STEPS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
# Row and column offset of each neighbour, clockwise from the upper neighbour. The index in this
# list is also the neighbour's bit in a code.


class PixelGraph(NamedTuple):
    """Links between the pixels of a skeleton, in compressed sparse row format.

    Attributes:
        pixels: (N,) int64, index of each pixel in the flattened canvas, ascending.
        starts: (N + 1,) int64; the neighbours of pixel i are `neighbours[starts[i]:starts[i + 1]]`.
        neighbours: (L,) int64, positions in `pixels`.
    """

    pixels: Indices
    starts: Indices
    neighbours: Indices

    @property
    def degrees(self) -> Indices:
        """Number of links of each pixel, (N,) int64."""
        return np.diff(self.starts)

    def sources(self) -> Indices:
        """Return the pixel to which each entry of `neighbours` belongs, (L,)."""
        return np.repeat(np.arange(len(self.pixels)), self.degrees)


def element_sequence(values: Indices) -> Sequence[int]:
    """Return a sequence for fast access to single elements, (N,) int64.

    Access to a list is faster, but a list of a large array requires too much memory.
    """
    return values.tolist() if len(values) < _MAX_LIST else values.data


class Canvas:
    """Skeleton with an empty margin of one pixel, so that every pixel has eight neighbours.

    Args:
        padded: (H + 2, W + 2) uint8 {0, 1}, skeleton with its margin. It is changed in place.

    Attributes:
        skeleton: (H, W) uint8 {0, 1}, view without the margin.
        values: ((H + 2) * (W + 2),) uint8 {0, 1}, flattened rows.
        width: length of a row.
        pixels: (N,) int64, indices of the skeleton's pixels, ascending.
    """

    def __init__(self, padded: npt.NDArray[np.uint8]) -> None:
        self.skeleton = padded[1:-1, 1:-1]
        self.values = padded.ravel()
        self.width = padded.shape[1]
        self.pixels = np.flatnonzero(self.values)
        self._offsets = [row * self.width + column for row, column in _STEPS]

    def rows_and_columns(self) -> tuple[Indices, Indices]:
        """Return the row and the column of each pixel in the mask, without the margin."""
        rows, columns = np.divmod(self.pixels, self.width)
        return rows - 1, columns - 1

    def remove(self, pixels: Indices) -> None:
        """Remove the pixels with the given indices."""
        self.values[pixels] = 0
        self.pixels = self.pixels[self.values[self.pixels] != 0]

    def remove_redundant(self) -> None:
        """Remove pixels whose neighbours are connected without them. End points are kept."""
        removed = -1
        while removed:
            removed = len(self.pixels)
            rows, columns = np.divmod(self.pixels, self.width)
            field = (rows & 1) * 2 + (columns & 1)  # pixels of one group are not neighbours
            for selected in [self.pixels[field == number] for number in range(4)]:
                self.remove(selected[_REDUNDANT[self._codes(selected)]])
            removed -= len(self.pixels)

    def graph(self) -> PixelGraph:
        """Return the graph of the links between neighbouring pixels."""
        pixels = self.pixels
        links = _LINKS[self._codes(pixels)]
        sources: list[Indices] = []
        targets: list[Indices] = []
        for bit, offset in enumerate(self._offsets):
            linked = np.flatnonzero(links & (1 << bit))
            sources.append(linked)
            targets.append(np.searchsorted(pixels, pixels[linked] + offset))
        source = np.concatenate(sources)
        order = np.argsort(source, kind="stable")
        starts = np.zeros(len(pixels) + 1, np.int64)
        np.cumsum(np.bincount(source, minlength=len(pixels)), out=starts[1:])
        return PixelGraph(pixels, starts, np.concatenate(targets)[order])

    def _codes(self, pixels: Indices) -> npt.NDArray[np.uint8]:
        """Return a code for each pixel, with one bit per neighbour."""
        codes = np.zeros(len(pixels), np.uint8)
        for bit, offset in enumerate(self._offsets):
            codes |= self.values[pixels + offset] << np.uint8(bit)
        return codes


def _neighbour_bits(code: int) -> list[bool]:
    return [bool(code >> bit & 1) for bit in range(8)]


def _linked_code(code: int) -> int:
    """Remove diagonal neighbours that are already linked by a horizontal or vertical neighbour."""
    bits = _neighbour_bits(code)
    for corner in (1, 3, 5, 7):
        if bits[corner - 1] or bits[(corner + 1) % 8]:
            code &= ~(1 << corner)
    return code


def _is_redundant(code: int) -> bool:
    """Return whether a pixel has two or more neighbours that are connected without this pixel."""
    bits = _neighbour_bits(code)
    components = 0
    for edge in (0, 2, 4, 6):
        components += not bits[edge] and (bits[edge + 1] or bits[(edge + 2) % 8])
    return components == 1 and sum(bits) >= 2


_LINKS = np.array([_linked_code(code) for code in range(256)], np.uint8)
_REDUNDANT = np.array([_is_redundant(code) for code in range(256)])
