"""Rejection of photographs that do not show a fundus.

Photographs that may show a fundus are accepted.
"""

import cv2
import numpy as np

from edgeseg.errors import PhotoError
from edgeseg.field_of_view.thumbnail import Thumbnail
from edgeseg.imaging.arrays import Mask
from edgeseg.imaging.levels import count_levels, percentile

_MIN_LEVEL = 10.0  # minimum brightness of the brightest blocks; darker frames are black
_MIN_RANGE = 6.0  # minimum difference in grey levels between the darkest and the brightest blocks


def reject_blank(thumbnail: Thumbnail, name: str) -> None:
    """Reject a black or uniform frame.

    Args:
        thumbnail: thumbnail of the photograph.
        name: name of the photograph in the error message.

    Raises:
        PhotoError: The frame is black or uniform.
    """
    highest, largest_range = 0.0, 0.0
    for channel in range(3):
        levels = np.asarray(cv2.extractChannel(thumbnail.colour, channel), np.uint8)
        counts = count_levels(_block_means(levels))
        low, high = percentile(counts, 1), percentile(counts, 99)
        highest, largest_range = max(highest, high), max(largest_range, high - low)
        if highest >= _MIN_LEVEL and largest_range >= _MIN_RANGE:
            return
    reason = "black" if highest < _MIN_LEVEL else "uniform"
    raise _no_fundus(name, f"the frame is {reason}")


def _no_fundus(name: str, reason: str) -> PhotoError:
    return PhotoError(f"{name}: no fundus found: {reason}.", "no_fundus")


def reject_non_fundus(thumbnail: Thumbnail, region: Mask | None, name: str) -> None:
    """Reject a photograph without a round field if it is not smooth, or is white or blue.

    Roughness is the mean absolute Laplacian on 64x64 cells. In the published data sets, the
    roughness is at most 0.14 times the mean brightness and at most 0.9 times the standard deviation
    of the brightness. Blue is never the brightest channel. The roughness of a portrait is 0.5 times
    the mean brightness. The roughness of text and noise is 1.1 to 3.5 times the standard deviation.

    Args:
        thumbnail: thumbnail of the photograph.
        region: mask of the bright region, or None for the whole frame.
        name: name of the photograph in the error message.

    Raises:
        PhotoError: The photograph does not show a fundus.
    """
    part = thumbnail.colour
    if region is not None:
        left, top, width, height = cv2.boundingRect(region)
        part = part[top : top + height, left : left + width]
    cells = np.asarray(cv2.resize(part, (64, 64), interpolation=cv2.INTER_AREA), np.float32)
    grey = cells.mean(axis=2)
    roughness = float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean())
    if roughness > 0.25 * grey.mean() or roughness > max(1.05 * grey.std(), 0.02 * grey.mean()):
        raise _no_fundus(name, "the bright region is neither round nor smooth")
    if np.median(cells, axis=(0, 1)).min() > 225:
        raise _no_fundus(name, "the frame is white")
    if (cells[:, :, 2] > cells[:, :, 0] + 10).mean() > 0.3:
        raise _no_fundus(name, "the frame is mostly blue")


def _block_means(channel: Mask) -> Mask:
    """Return the means of square blocks, with at least 64 blocks along each side if possible."""
    side = max(1, min(channel.shape) // 64)
    height, width = channel.shape[0] // side, channel.shape[1] // side
    cropped = channel[: height * side, : width * side]
    return np.asarray(cv2.resize(cropped, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
