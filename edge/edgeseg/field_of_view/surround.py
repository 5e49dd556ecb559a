"""Light surround of a field of view, such as a page or the grey background of some cameras."""

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.field_of_view.thumbnail import Thumbnail
from edgeseg.imaging.arrays import Mask, Photo

_TOLERANCE = 12  # difference in grey levels from the surround's colour, due to JPEG and noise
_MIN_UNIFORM = 0.6  # share of an edge's pixels that have the surround's colour
_MAX_DEVIATION = 2.0  # maximum median distance from the surround's colour; a retina has at least 4
_SMOOTHING = 9  # number of pixels along an edge that are averaged, because scans are noisy
_MIN_CHANGE = 24  # change in grey levels at the end of a surround; a retina changes gradually
_MIN_CHANGED = 0.5  # share of the pixels that change at the end of a surround
_MIN_LIGHT = 24  # level of the brightest channel; a darker surround is not removed


def find_light_surround(thumbnail: Thumbnail) -> Mask:
    """Return the pixels of a light surround. Its colour may differ between the frame's four edges.

    Args:
        thumbnail: thumbnail of the photograph.

    Returns:
        (h, w) uint8, 255 for pixels of the surround, otherwise 0.
    """
    colour = np.asarray(cv2.medianBlur(thumbnail.colour, 5), np.uint8)
    surround = np.zeros(colour.shape[:2], np.uint8)
    for edge in (colour[0], colour[-1], colour[:, 0], colour[:, -1]):
        tone = np.median(edge, axis=0)
        if tone.max() > _MIN_LIGHT and _is_uniform(edge, tone):
            part = _connected_to_edge(_similar_pixels(colour, tone))
            if _ends_suddenly(colour, tone, part):
                surround |= part
    return np.asarray(cv2.dilate(surround, np.ones((3, 3), np.uint8)), np.uint8)


def _is_uniform(edge: Photo, tone: npt.NDArray[np.float64]) -> bool:
    distances = np.abs(edge - tone).max(axis=1)
    smooth = cv2.blur(edge[None], (_SMOOTHING, 1))[0]
    is_flat = np.median(np.abs(smooth - tone).max(axis=1)) <= _MAX_DEVIATION
    return bool(is_flat and (distances <= _TOLERANCE).mean() >= _MIN_UNIFORM)


def _ends_suddenly(colour: Photo, tone: npt.NDArray[np.float64], part: Mask) -> bool:
    near, far = (cv2.dilate(part, np.ones((side, side), np.uint8)) for side in (5, 7))
    distances = np.abs(colour[(near == 0) & (far > 0)] - tone).max(axis=1)
    return bool(len(distances) and (distances > _MIN_CHANGE).mean() >= _MIN_CHANGED)


def _similar_pixels(colour: Photo, tone: npt.NDArray[np.float64]) -> Mask:
    return np.asarray(cv2.inRange(colour, tone - _TOLERANCE, tone + _TOLERANCE), np.uint8)


def _connected_to_edge(pixels: Mask) -> Mask:
    """Return the pixels that are connected to an edge of the frame, (h, w) uint8 {0, 255}."""
    _, labels = cv2.connectedComponents(pixels, connectivity=4)
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    kept = np.isin(labels, edges[edges > 0])
    connected: Mask = np.where(kept, np.uint8(255), np.uint8(0))
    return connected
