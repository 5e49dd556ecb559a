"""Light margins and frame lines around a photograph, as on pages and in screenshots."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Box, Photo

Levels: TypeAlias = npt.NDArray[np.int16]  # (N, M, 3) lines that are parallel to one edge
Flags: TypeAlias = npt.NDArray[np.bool_]

_TOLERANCE = 12  # difference in grey levels that JPEG may cause next to an edge
_MIN_UNIFORM = 0.9  # share of a line's pixels that have the same colour
_MIN_LIGHT = 56  # minimum level of the brightest channel; the glow in STARE reaches 55
_MIN_GREY = 30  # minimum level of a line of exactly one colour, as in a dark program window
_EXACT = 2  # maximum difference in grey levels within such a line
_MIN_CHANGE = 24  # difference in grey levels between two lines; a retina changes gradually
_MIN_CHANGED = 0.25  # share of a line's pixels that change; the others may have the margin's colour
_BLOCK = 8  # lines of a JPEG block; a margin may have several colours in its last block
_NEAR_EDGE = 0.03  # share of the frame's side that is searched for a frame line
_MAX_MARGIN = 0.45  # maximum width of a margin as a share of the frame's side
_MIN_LINES = 16  # a photograph with fewer lines is not trimmed
_MAX_SAMPLES = 128  # maximum number of examined pixels per line


def may_have_margin(photo: Photo) -> bool:
    """Return whether two neighbouring corners are light (a fast first check).

    Args:
        photo: (H, W, 3) uint8 RGB.
    """
    height, width = photo.shape[:2]
    steps = np.arange(max(1, int(_NEAR_EDGE * min(height, width))))
    rows, columns = height - 1 - steps, width - 1 - steps
    around = ((steps, steps), (steps, columns), (rows, columns), (rows, steps))
    light = [_is_light_corner(photo[corner].max(axis=1)) for corner in around]
    return any(light[k] and light[k - 1] for k in range(4))


def _is_light_corner(levels: npt.NDArray[np.uint8]) -> bool:
    lowest, highest = int(levels.min()), int(levels.max())
    is_window = lowest > _MIN_GREY and highest - lowest <= _EXACT
    return highest > _MIN_LIGHT or is_window


def trim_margins(photo: Photo) -> Box:
    """Return the part of a photograph without its light margins and frame lines.

    A margin consists of lines that have one colour. Lines at the edge may have several colours.
    The last line of a margin is light, has one colour, and is followed by a sudden change.
    Therefore a dark surround is not a margin. A retina is not a margin either, because its colours
    change gradually.

    Args:
        photo: (H, W, 3) uint8 RGB.
    """
    height, width = photo.shape[:2]
    rows = photo[:, :: max(1, width // _MAX_SAMPLES)].astype(np.int16)
    columns = photo[:: max(1, height // _MAX_SAMPLES)].astype(np.int16).transpose(1, 0, 2)
    top, bottom = _margin_width(rows), _margin_width(rows[::-1])
    left, right = _margin_width(columns), _margin_width(columns[::-1])
    return Box(left, top, width - left - right, height - top - bottom)


def without_margins(photo: Photo, inner: Box) -> Box:
    """Return the part of a photograph inside its margins. Frame lines belong to this part.

    Outside a frame line, the photograph continues. A margin begins at the frame's edge.

    Args:
        photo: (H, W, 3) uint8 RGB.
        inner: the photograph without its margins and frame lines, as `trim_margins` returns it.
    """
    height, width = photo.shape[:2]
    left = inner.left if _is_margin(photo[:, 0]) else 0
    top = inner.top if _is_margin(photo[0]) else 0
    right = inner.left + inner.width if _is_margin(photo[:, -1]) else width
    bottom = inner.top + inner.height if _is_margin(photo[-1]) else height
    return Box(left, top, right - left, bottom - top)


def _is_margin(edge: Photo) -> bool:
    """Return whether an edge of the frame has one light colour. The edge is (N, 3) uint8."""
    uniform, light = _examine(edge[None].astype(np.int16))
    return bool(uniform[0] and light[0])


def _margin_width(lines: Levels) -> int:
    """Return the number of lines that belong to the margin. The first line is at the edge."""
    if len(lines) < _MIN_LINES:
        return 0
    near, most = max(1, int(_NEAR_EDGE * len(lines))), int(_MAX_MARGIN * len(lines))
    uniform, light = _examine(lines[:near])
    if uniform[-1]:
        uniform, light = _examine(lines[:most])
    ends = np.flatnonzero(~uniform[near - 1 :])
    scanned = max(near, near - 1 + int(ends[0]) if len(ends) else len(uniform))
    margin = np.flatnonzero((uniform & light)[:scanned] & _are_ends(lines, scanned))
    if not len(margin):
        return 0
    last = int(margin[-1])
    steps = np.abs(np.diff(lines[last : last + _BLOCK], axis=0)).max(axis=2).mean(axis=1)
    return min(last + 1 + int(steps.argmax()), most)


def _are_ends(lines: Levels, number: int) -> Flags:
    """Return whether a sudden change follows each of the first lines, (number,) bool."""
    changes = np.abs(np.diff(lines[: number + _BLOCK], axis=0)).max(axis=2)
    sudden = np.flatnonzero((changes > _MIN_CHANGE).mean(axis=1) >= _MIN_CHANGED)
    following = np.searchsorted(sudden, np.arange(number))
    distances = np.append(sudden, number + 2 * _BLOCK)[following] - np.arange(number)
    return np.asarray(distances < _BLOCK - 1)


def _examine(lines: Levels) -> tuple[Flags, Flags]:
    """Return whether each line has one colour, and whether its median is light, both (N,) bool."""
    colours = np.median(lines, axis=1, keepdims=True)
    distances = np.abs(lines - colours).max(axis=2)
    uniform = (distances <= _TOLERANCE).mean(axis=1) >= _MIN_UNIFORM
    exact = (distances <= _EXACT).mean(axis=1) >= _MIN_UNIFORM
    levels = colours.max(axis=(1, 2))
    light = (levels > _MIN_LIGHT) | (exact & (levels > _MIN_GREY))
    return np.asarray(uniform), np.asarray(light)
