"""Decoding of mask files, which are black and white or contain class numbers."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask, Photo, row_bands
from edgeseg.imaging.levels import count_levels
from edgeseg.imaging.photo import MASK_THRESHOLD

IGNORED_VALUE = 255
"""Value of pixels without a label, in masks that otherwise contain class numbers."""

_MAX_CLASSES = 16
_MAX_CLASS_BESIDE_IGNORED = 20
# Minimum share of pixels with a class number above 0. A smaller share of pixels with the values 1
# and 2 is due to rounding errors in a mask of 0 and 255.
_MIN_CLASS_SHARE = 0.005
# Values between these limits are neither dark nor bright. A mask contains up to 10 % of such pixels
# (blurred edges, JPEG noise). In a photograph, most pixels have such values.
_DARK, _BRIGHT = 32, 223


@dataclass(frozen=True, eq=False)
class MaskValues:
    """Decoded mask file.

    Attributes:
        marked: (H, W) uint8 {0, 255}, pixels of vessels, or of the field of view.
        ignored: (H, W) uint8 {0, 255}, pixels without a label; None if all pixels have a label.
        classes: class numbers in the file in ascending order, without the ignore value; empty for a
            black and white mask. The lowest number is the background.
        brightest: largest value in the file.
        grey_share: share of the pixels with a channel that is neither dark nor bright; 0 for class
            numbers.
    """

    marked: Mask
    ignored: Mask | None
    classes: tuple[int, ...]
    brightest: int
    grey_share: float

    def describe_classes(self) -> str:
        """Describe the interpretation of class numbers; empty for a black and white mask."""
        if not self.classes:
            return ""
        background, *marked = self.classes
        text = f"class numbers: background {background}, vessel {_join(marked)}"
        if self.ignored is not None:
            text += f", ignored {IGNORED_VALUE}"
        return text


def decode_mask_values(image: Photo) -> MaskValues:
    """Decode the values of a mask.

    A mask is black and white if its brightest value is above 127. Its pixels above 127 are marked.
    Otherwise the mask contains class numbers, such as 0 and 1, 0/1/2 (artery and vein), 0 and 100,
    or 1 and 2. The lowest number is the background, and pixels with other numbers are marked. If
    the other values are class numbers from 0 to 20, 255 marks pixels without a label. A mask of 0
    and 1 is not reported as class numbers, because many programs write such masks.

    Args:
        image: (H, W, 3) uint8 RGB, mask file; the brightest channel of a pixel is the pixel's
            value.
    """
    grey: Mask = image.max(axis=2)
    counts = count_levels(grey)
    values = tuple(np.flatnonzero(counts).tolist())
    brightest = max(values)
    classes = _class_numbers(values, counts)
    if not classes:
        grey_share = _count_grey_pixels(image) / grey.size
        return MaskValues(_mark_above(grey, MASK_THRESHOLD), None, (), brightest, grey_share)
    ignored = None
    if brightest == IGNORED_VALUE:
        ignored = np.multiply(grey == IGNORED_VALUE, 255, dtype=np.uint8)
    marked = _mark_above(grey, classes[0])
    if ignored is not None:
        cv2.subtract(marked, ignored, marked)
    if classes == (0, 1) and ignored is None:
        classes = ()
    return MaskValues(marked, ignored, classes, brightest, 0.0)


def _count_grey_pixels(image: Photo) -> int:
    """Count the pixels with a channel that is neither dark nor bright."""
    count = 0
    for rows in row_bands(len(image)):  # limits the memory
        band = image[rows]
        count += int(((band >= _DARK) & (band <= _BRIGHT)).any(axis=2).sum())
    return count


def _class_numbers(values: tuple[int, ...], counts: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """Return the class numbers; empty for a black and white mask."""
    if values[-1] <= MASK_THRESHOLD:
        return values if 2 <= len(values) <= _MAX_CLASSES else ()
    classes = values[:-1]
    if values[-1] != IGNORED_VALUE or len(classes) < 2 or classes[-1] > _MAX_CLASS_BESIDE_IGNORED:
        return ()
    share = counts[list(classes[1:])].sum() / counts.sum()
    return classes if share >= _MIN_CLASS_SHARE else ()


def _mark_above(grey: Mask, level: int) -> Mask:
    """Set the pixels above a level to 255 and all others to 0, in place."""
    cv2.threshold(grey, level, 255, cv2.THRESH_BINARY, dst=grey)
    return grey


def _join(classes: tuple[int, ...] | list[int]) -> str:
    return ", ".join(map(str, classes))
