"""Checks of the arrays that callers pass."""

import numpy as np
import numpy.typing as npt

from edgeseg.errors import UsageError
from edgeseg.imaging.arrays import Mask, row_bands


def binarize_mask(mask: npt.ArrayLike) -> tuple[Mask, bool]:
    """Convert a mask to uint8 {0, 255}, and return whether the input was binary.

    A mask is binary if its pixels have at most one value other than 0. Other masks, such as a
    probability or a JPEG file, are thresholded at 0.5, 127.5 or 32767.5, depending on the largest
    value.

    Args:
        mask: (H, W) of any number type or bool.

    Raises:
        UsageError: The mask is not two-dimensional, is empty, or contains NaN or negative values.
    """
    array = np.asarray(mask, order="C")  # OpenCV writes only to arrays in this order
    if array.ndim != 2 or not array.size or array.dtype.kind not in "buif":
        raise UsageError(
            f"mask: expected an array (H, W) of numbers, got {array.shape} {array.dtype}. "
            "Give one channel."
        )
    low, high = float(array.min()), float(array.max())
    if not 0 <= low <= high < np.inf:  # NaN is also rejected
        raise UsageError(
            f"mask: values from {low:g} to {high:g}. "
            "Use 0 for the background, and 1 or 255 for vessels."
        )
    bands = list(row_bands(len(array)))
    if high == 0 or all(_has_values(array[rows], 0, high) for rows in bands):
        limit, is_binary = 0.0, True
    else:
        tops = [top for top in (1.0, 255.0, 65535.0) if high <= top]
        limit, is_binary = (tops[0] if tops else high) / 2, False
    binary = np.empty(array.shape, np.uint8)
    for rows in bands:
        binary[rows] = np.where(array[rows] > limit, np.uint8(255), np.uint8(0))
    return binary, is_binary


def _has_values(array: npt.NDArray[np.generic], first: float, second: float) -> bool:
    """Return whether all elements have one of two values."""
    return bool(((array == first) | (array == second)).all())


def check_arrays(
    mask: npt.NDArray[np.generic],
    fov: npt.NDArray[np.generic],
    probability: npt.NDArray[np.generic] | None,
    threshold: float,
) -> None:
    """Check the arrays and the threshold that a caller passes.

    Raises:
        UsageError: The arrays differ in size, the field of view is empty or contains NaN, or the
            probability or the threshold is NaN or outside 0 to 1.
    """
    for name, array in (("field of view", fov), ("probability", probability)):
        if array is not None and array.shape != mask.shape:
            raise UsageError(
                f"mask: {_size(mask)}, {name}: {_size(array)}. Both must have the same size."
            )
    if not np.any(fov):
        raise UsageError("field of view: the mask is empty. Mark the retina in this mask.")
    if fov.dtype.kind == "f" and np.isnan(fov).any():
        raise UsageError("field of view: the mask contains NaN. Use 0 outside the retina.")
    if not 0 <= threshold <= 1:
        raise UsageError(f"threshold = {threshold} is invalid. Use a value from 0 to 1.")
    if probability is None:
        return
    if probability.dtype.kind != "f" or not 0 <= probability.min() <= probability.max() <= 1:
        raise UsageError("probability: expected floating-point values from 0 to 1 without NaN.")


def _size(array: npt.NDArray[np.generic]) -> str:
    return "x".join(str(side) for side in reversed(array.shape))
