"""Conversion of samples to 8 bits, and the range of 16-bit samples (up to the value of white)."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_CAMERA_MAXIMA = (255, 1023, 4095, 16383, 65535)
_BAND_ROWS = 64
_MAX_PIXELS = 1 << 20  # number of pixels that are sampled for percentiles
# Pixels of the field of view are brighter than this share of the image's 90th percentile.
_LIT_SHARE = 0.15
# Percentage of the field of view that must be within the range; other pixels may be labels,
# reflections and hot pixels. In the published data sets, at least 73 % of the field of view is
# brighter than a quarter of the range.
_FIELD_PERCENTILE = 95


def estimate_maximum(samples: npt.NDArray[np.uint16]) -> int:
    """Return the maximum sample value of the smallest bit depth that covers the field of view.

    The bit depth is 8, 10, 12, 14 or 16.

    Up to 5 % of the pixels of the field of view may exceed the maximum, so that labels and hot
    pixels do not change the bit depth.

    Args:
        samples: (H, W) or (H, W, 3) uint16.
    """
    step = max(1, int((samples.shape[0] * samples.shape[1] / _MAX_PIXELS) ** 0.5))
    brightest = samples[::step, ::step]
    if brightest.ndim == 3:
        brightest = brightest.max(axis=2)
    field = brightest[brightest > _LIT_SHARE * np.percentile(brightest, 90)]
    if not field.size:
        return _CAMERA_MAXIMA[0]
    white = np.percentile(field, _FIELD_PERCENTILE)
    return min(limit for limit in _CAMERA_MAXIMA if white <= limit)


def scale_to_uint8(samples: Samples, maximum: int) -> npt.NDArray[np.uint8]:
    """Scale samples so that `maximum` and all larger values become 255.

    Args:
        samples: (H, W) or (H, W, C).
        maximum: sample value of white.
    """
    values = np.arange(np.iinfo(samples.dtype).max + 1) * (255 / maximum)
    return apply_table(samples, np.minimum(np.rint(values), 255).astype(np.uint8))


def apply_table(samples: Samples, table: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Replace each sample by the table's entry for its value.

    Args:
        samples: (H, W) or (H, W, C).
        table: (N,) values or (N, 3) colours, with an entry for each value of `samples`.

    Returns:
        Array with the shape of `samples`; for colours with an additional axis.
    """
    result = np.empty((*samples.shape, *table.shape[1:]), np.uint8)
    # NumPy converts the samples to 64-bit indices for the lookup. Processing in bands limits the
    # memory.
    for top in range(0, len(samples), _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        result[rows] = table[samples[rows]]
    return result
