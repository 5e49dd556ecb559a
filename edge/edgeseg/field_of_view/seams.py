"""Seams: straight edges between two photographs that were joined into one image.

If the frame of a photograph cuts the field of view, as in HRF, a seam has no dark gap. The
colours change between two adjacent lines of pixels, along the whole chord of the field.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseg.field_of_view.ellipse import FovEllipse
from edgeseg.imaging.arrays import Box, Photo

Indices: TypeAlias = npt.NDArray[np.int64]

_REACH = (0.3, 0.92)  # distance of a seam from the field's centre as a share of the half-axis
_CHORD = 0.8  # share of the chord that is examined, without the ends at the rim
_SAMPLES = 200  # number of pixels that are examined per chord
_MIN_CONTRAST = 4.0  # change across the seam, relative to the change across other lines
_MIN_CHANGE = 5.0  # grey levels
_MIRRORED = 16  # rows to compare on each side of a possible mirror line
_MIN_DIFFERENCE = 1.0  # minimum usual difference between these rows in grey levels
_MAX_MIRRORED = 0.2  # maximum share of the usual difference in a mirror image, due to JPEG


class HalfPlane(NamedTuple):
    """Half-plane of the points with x * column + y * row < limit.

    Attributes:
        x: horizontal component of the normal.
        y: vertical component of the normal.
        limit: distance in pixels from the origin to the line along the normal; may be negative.
    """

    x: float
    y: float
    limit: float

    @property
    def opposite(self) -> HalfPlane:
        """Half-plane on the other side of the line."""
        return HalfPlane(-self.x, -self.y, -self.limit)

    def contains(self, x: float, y: float) -> bool:
        """Return whether the half-plane contains a point."""
        return self.x * x + self.y * y < self.limit

    def pixels(self, box: Box) -> npt.NDArray[np.bool_]:
        """Return True for each pixel of a box inside the half-plane, (height, width) bool."""
        columns = np.arange(box.left, box.left + box.width)
        rows = np.arange(box.top, box.top + box.height)[:, None]
        return np.asarray(self.x * columns + self.y * rows < self.limit)

    def clip(self, box: Box) -> Box:
        """Return the part of a box on this side of a vertical or horizontal line."""
        left, top = box.left, box.top
        right, bottom = left + box.width, top + box.height
        if self.y == 0 and self.x > 0:
            right = min(right, math.ceil(self.limit))
        elif self.y == 0:
            left = max(left, math.floor(-self.limit) + 1)
        elif self.x == 0 and self.y > 0:
            bottom = min(bottom, math.ceil(self.limit))
        elif self.x == 0:
            top = max(top, math.floor(-self.limit) + 1)
        return Box(left, top, max(1, right - left), max(1, bottom - top))


def find_seams(photo: Photo, ellipse: FovEllipse) -> list[HalfPlane]:
    """Detect the seams that cut a field of view at its top, bottom, left and right.

    Args:
        photo: (H, W, 3) uint8 RGB.
        ellipse: field in the photograph.

    Returns:
        Half-planes that contain the field.
    """
    turned = FovEllipse(ellipse.y, ellipse.x, ellipse.radius_y, ellipse.radius_x)
    seams: list[HalfPlane] = []
    for sign in (-1, 1):
        row = _find_seam_row(photo, ellipse, sign)
        if row is not None:
            seams.append(HalfPlane(0.0, sign, sign * row))
        column = _find_seam_row(photo.transpose(1, 0, 2), turned, sign)
        if column is not None:
            seams.append(HalfPlane(sign, 0.0, sign * column))
    return seams


def _find_seam_row(photo: Photo, ellipse: FovEllipse, sign: int) -> float | None:
    """Return the position of a seam between rows above (-1) or below (1) the centre, or None."""
    near, far = (ellipse.y + sign * share * ellipse.radius_y for share in _REACH)
    first, last = (round(edge) for edge in sorted((near, far)))
    rows = np.arange(max(0, first), min(photo.shape[0] - 1, last))
    if len(rows) < 10:
        return None
    offset = (rows - ellipse.y) / ellipse.radius_y
    half_chords = _CHORD * ellipse.radius_x * np.sqrt(np.maximum(1 - offset**2, 0))
    steps = np.linspace(-1, 1, _SAMPLES)
    columns = np.round(ellipse.x + half_chords[:, None] * steps).astype(int)
    columns = columns.clip(0, photo.shape[1] - 1)
    above = photo[rows[:, None], columns].astype(np.int16)
    below = photo[rows[:, None] + 1, columns]
    # The median is not affected by the rim of another field, which crosses the chord.
    changes = np.median(np.abs(above - below).mean(axis=2), axis=1)
    strongest = int(changes.argmax())
    if changes[strongest] >= max(_MIN_CHANGE, _MIN_CONTRAST * float(np.median(changes))):
        return float(rows[strongest]) + 0.5
    mirror = _find_mirror_row(photo, rows, columns)
    return None if mirror is None else float(mirror) + 0.5


def _find_mirror_row(photo: Photo, rows: Indices, columns: Indices) -> int | None:
    """Return the last row before a mirror line, or None if no mirror line is found.

    If an image was joined to its own mirror image, the colours do not change at the seam.

    Args:
        photo: (H, W, 3) uint8 RGB.
        rows: (N,) rows to examine.
        columns: (N, M) columns to examine in each row.
    """
    inner = rows[(rows >= _MIRRORED - 1) & (rows < photo.shape[0] - _MIRRORED)]
    if not len(inner):
        return None
    columns = columns[inner - rows[0]]
    total = np.zeros(len(inner))
    for distance in range(_MIRRORED):
        above = photo[inner[:, None] - distance, columns].astype(np.int16)
        below = photo[inner[:, None] + 1 + distance, columns]
        total += np.abs(above - below).mean(axis=(1, 2))
    differences = total / _MIRRORED
    typical = float(np.median(differences))
    if typical < _MIN_DIFFERENCE or differences.min() > _MAX_MIRRORED * typical:
        return None
    return int(inner[differences.argmin()])
