"""A large photograph's crop -> the working size: averages of areas, or nearly those at a third of the time or less.

Nearly: means over a window of whole pixels where that is nearly the area, sampled linearly; the pixels themselves where
the area is nearly one. The window is odd, so that its middle is a pixel. Means of blocks, smaller at once, would cost
0.0009 of Dice: the network sees that they lie off the pixels' middles (benchmarks/README.md). Which means a photograph
will want can be guessed before its field of view is known, and they can be made while that is looked for.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from edgeseg.imaging.arrays import Box, Photo

_FLAT = 1000.0  # sigma: means but for their rounding (1 where it differs), and on all threads, unlike `cv2.blur`
_NEARLY = 0.45  # pixels by which a window of whole pixels may be wider or narrower than the area
_FIELD = 0.95  # of the frame's longer side, a field of view; 0.89 to 0.98 in the shared photographs


class Means(NamedTuple):
    """A whole photograph's means.

    Attributes:
        window: pixels along each axis that a mean is taken over.
        photo: (H, W, 3) uint8, the mean about each pixel; `shrunk` writes into it.
    """

    window: int
    photo: Photo


def window_of(pixels: float) -> int | None:
    """The window whose means do for averages of areas so many pixels across, 1 or more; None where none does."""
    odd = 2 * round((pixels - 1) / 2) + 1
    return odd if abs(pixels - odd) <= _NEARLY else None


def likely_window(frame: tuple[int, ...], size: int) -> int | None:
    """What `window_of` will most likely say of a frame (height, width) whose field of view is not known yet."""
    return window_of(_FIELD * max(frame[:2]) / size)


def means(photo: Photo, window: int) -> Means:
    """The photograph's means over windows of this odd number of pixels; its edge pixels go on beyond it."""
    blurred = cv2.GaussianBlur(photo, (window, window), _FLAT, borderType=cv2.BORDER_REPLICATE)
    return Means(window, np.asarray(blurred, np.uint8))


def resize_area(
    photo: Photo, box: Box, width: int, height: int, ahead: Means | None = None
) -> Photo:
    """The photograph's part in the box, in averages of areas -> (height, width, 3) uint8; both at most the box's.

    Args:
        photo: (H, W, 3) uint8.
        box: the part that is shrunk; what lies around it does not matter.
        width: pixels.
        height: pixels.
        ahead: the photograph's means, if they were made before; of another window they are not used.
    """
    part = photo[box.rows, box.columns]
    window = window_of(max(box.width / width, box.height / height))
    if window is None:
        return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if window == 1:
        averages = part
    elif ahead is not None and ahead.window == window:
        averages = ahead.photo[box.rows, box.columns]
        _forget_surround(averages, part, window)
    else:
        averages = means(part, window).photo
    return np.asarray(
        cv2.resize(averages, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8
    )


def _forget_surround(averages: Photo, part: Photo, window: int) -> None:
    """Make the means at a part's edges anew, as if nothing lay around it."""
    reach = window // 2
    for first, last in (
        (slice(reach), slice(2 * reach)),
        (slice(-reach, None), slice(-2 * reach, None)),
    ):
        averages[first] = means(part[last], window).photo[first]
        averages[:, first] = means(part[:, last], window).photo[:, first]
