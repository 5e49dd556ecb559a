"""Decoding of mask files, which are black and white or contain class numbers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask, Photo
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
    grey = image.max(axis=2)
    counts = np.bincount(grey.ravel(), minlength=256)
    values = tuple(np.flatnonzero(counts).tolist())
    brightest = max(values)
    classes = _class_numbers(values, counts)
    if not classes:
        is_between = (image >= _DARK) & (image <= _BRIGHT)
        grey_share = float(is_between.any(axis=2).mean())
        return MaskValues(_to_mask(grey > MASK_THRESHOLD), None, (), brightest, grey_share)
    ignored = None
    marked = grey > classes[0]
    if brightest == IGNORED_VALUE:
        ignored = _to_mask(grey == IGNORED_VALUE)
        marked &= grey != IGNORED_VALUE
    if classes == (0, 1) and ignored is None:
        classes = ()
    return MaskValues(_to_mask(marked), ignored, classes, brightest, 0.0)


def _class_numbers(values: tuple[int, ...], counts: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """Return the class numbers; empty for a black and white mask."""
    if values[-1] <= MASK_THRESHOLD:
        return values if 2 <= len(values) <= _MAX_CLASSES else ()
    classes = values[:-1]
    if values[-1] != IGNORED_VALUE or len(classes) < 2 or classes[-1] > _MAX_CLASS_BESIDE_IGNORED:
        return ()
    share = counts[list(classes[1:])].sum() / counts.sum()
    return classes if share >= _MIN_CLASS_SHARE else ()


def _to_mask(pixels: npt.NDArray[np.bool_]) -> Mask:
    return np.multiply(pixels, 255, dtype=np.uint8)


def _join(classes: tuple[int, ...] | list[int]) -> str:
    return ", ".join(map(str, classes))
