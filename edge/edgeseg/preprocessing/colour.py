"""Colour balance: adapts the colours of dark and monochrome photographs to those of most cameras.

Networks are trained mainly on photographs with bright red, moderate green and dark blue. In very
dark photographs and in photographs with other colours (grey, red-free, laser scanning), vessels
have low probabilities. Most photographs of colour fundus cameras are not changed.
"""

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Gains: TypeAlias = npt.NDArray[np.float64]

# Lower limits of the mean of R and G in the field of view. In eight data sets, 5 % (R) and 2 % (G)
# of the photographs are darker. The limits were chosen on validation photographs
# (train/RECIPES.md).
MIN_MEANS = (115.0, 48.0)

# Upper limit of the mean of B, relative to the mean of G. The ratio is 1 in grey photographs.
MAX_BLUE_TO_GREEN = 0.7

# Upper limit of a gain. Larger gains amplify mainly noise.
MAX_GAIN = 10.0


def multiply_channel(channel: npt.NDArray[np.uint8], gain: float) -> npt.NDArray[np.uint8]:
    """Multiply a channel, (H, W) uint8. The result is rounded and at most 255."""
    table = np.rint(np.arange(256) * gain).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(channel, table), np.uint8)


def compute_gains(means: npt.NDArray[np.float64]) -> Gains:
    """Return the gains of R, G and B, (3,). B has the gain of G, or a smaller one.

    Args:
        means: (3,) means of R, G and B in the field of view, from 0 to 255.
    """
    gain_red, gain_green = (np.array(MIN_MEANS) / means[:2].clip(min=1)).clip(1, MAX_GAIN)
    max_blue = MAX_BLUE_TO_GREEN * means[1] * gain_green
    return np.array([gain_red, gain_green, min(gain_green, max_blue / max(means[2], 1e-6))])
