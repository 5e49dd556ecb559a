"""A frame that clearly holds no fundus is refused; what might be one is not."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.errors import PhotoError
from edgeseg.field_of_view.thumbnail import Thumbnail
from edgeseg.imaging.arrays import Mask, Photo


def reject_blank(sample: Thumbnail, name: str) -> None:
    """Refuse a frame that shows nothing."""
    low, high = _first_and_last_percent(_blocks(sample.colour))
    if high.max() < 10:
        raise PhotoError(f"{name}: holds no fundus, the frame is black.")
    if (high - low).max() < 6:
        raise PhotoError(f"{name}: holds no fundus, the frame is uniform.")


def _first_and_last_percent(
    cells: Photo,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """`np.percentile(cells, (1, 99))` of each channel at a twentieth of its time: bytes are sorted stably by radix."""
    ordered = np.sort(np.ascontiguousarray(cells.reshape(-1, 3).T), kind="stable").T.astype(
        np.float64
    )
    at = np.array([0.01, 0.99]) * (len(ordered) - 1)
    below = ordered[at.astype(int)]
    low, high = below + (ordered[at.astype(int) + 1] - below) * (at % 1)[:, None]
    return low, high


def reject_non_fundus(sample: Thumbnail, region: Mask | None, name: str) -> None:
    """Refuse what is neither round nor as smooth and warm as a retina.

    In the middle of the shared photographs roughness (mean Laplacian on 64x64 cells) is at most 0.14 of the light and
    0.9 of its spread, and blue never leads; a portrait has 0.5 of the light, text and noise 1.1 to 3.5 of the spread.
    """
    left, top, width, height = cv2.boundingRect(
        np.ones_like(sample.level) if region is None else region
    )
    cells = _cells(sample.colour[top : top + height, left : left + width]).astype(np.float32)
    light = cells.mean(axis=2)
    rough = float(np.abs(cv2.Laplacian(light, cv2.CV_32F)).mean())
    if rough > 0.25 * light.mean() or rough > max(1.05 * light.std(), 0.02 * light.mean()):
        raise PhotoError(f"{name}: holds no fundus, neither a round field nor a smooth one.")
    if np.median(cells, axis=(0, 1)).min() > 225:
        raise PhotoError(f"{name}: holds no fundus, the frame is white.")
    if (cells[:, :, 2] > cells[:, :, 0] + 10).mean() > 0.3:
        raise PhotoError(f"{name}: holds no fundus, much of the frame is blue.")


def _blocks(colour: Photo) -> Photo:
    """(H, W, 3) -> means of square blocks, 64 or more along the shorter side; of whole pixels, which is quick."""
    side = max(1, min(colour.shape[:2]) // 64)
    down, across = colour.shape[0] // side, colour.shape[1] // side
    whole = colour[: down * side, : across * side]
    return np.asarray(cv2.resize(whole, (across, down), interpolation=cv2.INTER_AREA), np.uint8)


def _cells(colour: Photo) -> Photo:
    """(H, W, 3) -> (64, 64, 3) means."""
    return np.asarray(cv2.resize(colour, (64, 64), interpolation=cv2.INTER_AREA), np.uint8)
