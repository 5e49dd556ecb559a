"""Light margins and frame lines around a photograph: page, screenshot, label bar."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Box, Photo

Levels: TypeAlias = npt.NDArray[np.int16]  # (N, M, 3) lines that are parallel to one edge

_TOLERANCE = 16  # grey levels that JPEG changes next to an edge
_MIN_UNIFORM = 0.9  # share of a line's pixels that have its colour
_MIN_LIGHT = 24  # level of the brightest channel; darker lines are the surround
_MAX_MARGIN = 0.45  # share of the frame's side
_MAX_SAMPLES = 400  # pixels per line


def trim_margins(photo: Photo) -> Box:
    """Return the part of a photograph that remains without its light margins and frame lines.

    From each edge, lines of one colour are skipped. A margin ends at the last light one of them, so
    that a dark surround remains.

    Args:
        photo: (H, W, 3) uint8 RGB.
    """
    height, width = photo.shape[:2]
    rows = photo[:, :: max(1, width // _MAX_SAMPLES)].astype(np.int16)
    columns = photo[:: max(1, height // _MAX_SAMPLES)].astype(np.int16).transpose(1, 0, 2)
    top, bottom = _margin_width(rows), _margin_width(rows[::-1])
    left, right = _margin_width(columns), _margin_width(columns[::-1])
    return Box(left, top, width - left - right, height - top - bottom)


def _margin_width(lines: Levels) -> int:
    """Return how many of the lines belong to the margin; the first line is at the edge."""
    limit = int(_MAX_MARGIN * len(lines))
    colours = np.median(lines[:limit], axis=1, keepdims=True)
    distances = np.abs(lines[:limit] - colours).max(axis=2)
    uniform = (distances <= _TOLERANCE).mean(axis=1) >= _MIN_UNIFORM
    scanned = limit if uniform.all() else int(uniform.argmin())
    light = np.flatnonzero(colours[:scanned].max(axis=(1, 2)) > _MIN_LIGHT)
    return int(light[-1]) + 1 if len(light) else 0
