"""Shapes with known measurements, and real masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.imaging.arrays import Mask, Probability
from edgeseg.imaging.photo import read_mask

Points = npt.NDArray[np.float64]


def coverage_of_band(size: int, width: float, degrees: float, shift: float = 0.0) -> Probability:
    """Share of each pixel that a straight band covers, (size, size).

    The band is moved by `shift`.
    """
    angle, factor = np.deg2rad(degrees), 5
    side = (np.arange(size * factor) + 0.5) / factor - size / 2
    x, y = side[None, :] - 0.21, side[:, None] - 0.13
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside = (np.abs(along) <= 0.36 * size) & (np.abs(across - shift) <= width / 2)
    parts = inside.reshape(size, factor, size, factor)
    return np.asarray(parts.mean((1, 3)), np.float32)


@pytest.fixture
def draw_band() -> Callable[..., Probability]:
    """Function from size, width, angle and shift to an anti-aliased straight band."""
    return coverage_of_band


@pytest.fixture
def draw_line() -> Callable[[Points, float, int], Mask]:
    """Function that draws a polyline (N, 2) with a given width in an image of a given size."""
    import cv2

    def draw(points: Points, width: float, size: int) -> Mask:
        image = np.zeros((4 * size, 4 * size), np.uint8)
        fixed = np.rint((points * 4 + 1.5) * 16).astype(np.int32)
        cv2.polylines(image, [fixed], False, 255, round(4 * width), cv2.LINE_8, 4)
        area = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        mask: Mask = np.where(area > 127, np.uint8(255), np.uint8(0))
        return mask

    return draw


@pytest.fixture(scope="session")
def hrf_mask(data_root: Path) -> tuple[Mask, Mask]:
    """A manual mask of HRF and its field of view, at half size.

    The vessels are widened by two pixels, because thinner vessels would disappear when the mask is
    resampled.
    """
    import cv2

    mask = read_mask(data_root / "HRF" / "manual1" / "06_g.tif")
    fov = read_mask(data_root / "HRF" / "mask" / "06_g_mask.tif")
    wide = cv2.dilate(mask, np.ones((5, 5), np.uint8))
    return wide[::2, ::2].copy(), fov[::2, ::2].copy()


@pytest.fixture(scope="session")
def drive_mask(data_root: Path) -> tuple[Mask, Mask]:
    """A manual mask of DRIVE and its field of view."""
    folder = data_root / "DRIVE" / "test"
    return read_mask(folder / "1st_manual" / "01_manual1.gif"), read_mask(
        folder / "mask" / "01_test_mask.gif"
    )
