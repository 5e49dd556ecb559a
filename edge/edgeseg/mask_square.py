"""Field of view's mask -> the working size: exactly what OpenCV's area average gives, quicker.

A field of view is nearly always one run of pixels a row, and all but the pixels at its rim are wholly inside or wholly
outside. So the runs are found, the rim's pixels are computed from them, and the rest is filled in.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.arrays import Mask

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

_TIE = 1e-5  # of a pixel's area about the half: there OpenCV's rounding decides, not arithmetic
# It leaves out a row or column of which a cell covers at most 0.001. At fewer cells than these none does.
_CELLS = 1000
_FEW = 0.25  # of the rows at most, with several runs (a camera's tab)


def shrink(part: Mask, width: int, height: int) -> Mask:
    """Mask (H, W) {0, 255} -> (height, width) {0, 255}, neither larger: set where at least half of the area is.

    Bit for bit `cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA) > 127`.
    """
    small = _from_runs(part, width, height) if max(width, height) < _CELLS else None
    return averaged(part, width, height) if small is None else small


def averaged(part: Mask, width: int, height: int) -> Mask:
    """The definition: OpenCV's area average, set from half on."""
    resized = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.threshold(resized, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _from_runs(part: Mask, width: int, height: int) -> Mask | None:
    """The small mask; None where too many rows have several runs, or rounding would decide."""
    starts, ends, odd = _runs(part)
    rows, weights = _cells(part.shape[0], height)
    others = np.flatnonzero(odd[rows].any(axis=1))
    if len(others) > _FEW * height:
        return None
    across = part.shape[1] / width
    small = _of_runs(starts[rows] / across, ends[rows] / across, weights, width, others)
    if small is None or not len(others):
        return small
    area = (weights[others][:, :, None] * _covered(part, rows[others], width)).sum(axis=1)
    if (np.abs(area - 0.5) < _TIE).any():
        return None
    small[others] = np.where(area > 0.5, 255, 0)
    return small


def _runs(part: Mask) -> tuple[Integers, Integers, npt.NDArray[np.bool_]]:
    """First pixel of each row that is set, the one after its last, and whether there are gaps between (then not)."""
    width = part.shape[1]
    counts = cv2.reduce(part, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel().astype(np.int64) // 255
    starts = part.view(np.bool_).argmax(axis=1).astype(np.int64)
    ends = starts + counts
    fewest = (starts > 0).astype(np.int64) + ((counts > 0) & (ends < width))
    if width == 1:
        return starts, ends, np.zeros(len(part), np.bool_)
    changes = cv2.reduce(cv2.bitwise_xor(part[:, 1:], part[:, :-1]), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    return starts, ends, changes.ravel().astype(np.int64) // 255 != fewest


def _covered(part: Mask, rows: Integers, width: int) -> Floats:
    """How much of each cell of a row is set: (N, K) rows -> (N, K, width), 0 to 1."""
    some, where = np.unique(rows, return_inverse=True)
    upto = np.zeros((len(some), part.shape[1] + 1), np.int32)
    np.cumsum(part[some].view(np.bool_), axis=1, out=upto[:, 1:])
    edges = np.arange(width + 1) * (part.shape[1] / width)
    below = np.minimum(edges.astype(np.int64), part.shape[1] - 1)
    at = upto[:, below] + (edges - below) * (upto[:, below + 1] - upto[:, below])
    return np.asarray(np.diff(at, axis=1)[where.reshape(rows.shape)] * (width / part.shape[1]))


def _of_runs(a: Floats, b: Floats, weights: Floats, width: int, skip: Integers) -> Mask | None:
    """The small mask where each row is one run, from a to b (height, K) in pixels of the small mask; else rubbish.

    None where a pixel is so nearly half covered that rounding decides.
    """
    a[skip] = b[skip] = 0
    empty = (b <= a) | (weights == 0)
    none = empty.all(axis=1)
    left, right = np.where(empty, width, a), np.where(empty, 0, b)
    # From `outer[0]` to `outer[1]` a pixel may be set, from `inner[0]` to `inner[1]` it is covered wholly.
    outer = np.floor(left.min(axis=1)), np.minimum(np.ceil(right.max(axis=1)), width)
    unused = weights == 0
    inner = np.ceil(np.where(unused, 0, left).max(axis=1)), np.floor(np.where(unused, width, right).min(axis=1))
    hollow = none | (inner[0] >= inner[1])
    outer = np.where(none, 0, outer[0]), np.where(none, 0, outer[1])
    inner = np.where(hollow, outer[1], inner[0]), np.where(hollow, outer[1], inner[1])
    y, x = _between(outer[0], inner[0], inner[1], outer[1])
    covered = np.clip(np.minimum(b[y], x[:, None] + 1) - np.maximum(a[y], x[:, None]), 0, 1)
    area = (covered * weights[y]).sum(axis=1)
    if (np.abs(area - 0.5) < _TIE).any():
        return None
    columns = np.arange(width, dtype=np.int32)
    whole = (columns >= inner[0].astype(np.int32)[:, None]) & (columns < inner[1].astype(np.int32)[:, None])
    small: Mask = whole.view(np.uint8) * np.uint8(255)
    small[y, x] = np.where(area > 0.5, 255, 0)
    return small


def _cells(long: int, short: int) -> tuple[Integers, Floats]:
    """For each of `short` cells over `long` rows: the rows that it touches (short, K), and the share of each in it."""
    scale = long / short
    top = np.arange(short) * scale
    rows = np.floor(top).astype(np.int64)[:, None] + np.arange(int(np.ceil(scale)) + 1)
    share = np.minimum(rows + 1, (top + scale)[:, None]) - np.maximum(rows, top[:, None])
    # A row that is only touched, or lies below the frame, has no share; let it repeat one that has.
    real = (share > 1e-9) & (rows < long)
    return np.where(real, rows, rows[:, :1].clip(max=long - 1)), np.where(real, share, 0) / scale


def _between(first: Floats, second: Floats, third: Floats, fourth: Floats) -> tuple[Integers, Integers]:
    """Row and column of all pixels from `first` to `second` and from `third` to `fourth` of each row."""
    rows, starts, lengths = [], [], []
    for begin, end in ((first, second), (third, fourth)):
        some = np.flatnonzero(end > begin)
        rows.append(some)
        starts.append(begin[some].astype(np.int64))
        lengths.append((end - begin)[some].astype(np.int64))
    row, start, length = np.concatenate(rows), np.concatenate(starts), np.concatenate(lengths)
    ahead = np.arange(length.sum()) - np.repeat(length.cumsum() - length, length)
    return np.repeat(row, length), np.repeat(start, length) + ahead
