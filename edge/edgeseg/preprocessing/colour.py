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

# Upper limit of the mean of B, relative to the mean of G.
MAX_BLUE_TO_GREEN = 0.7

# A photograph is grey if the means of its channels differ by at most this factor. R and B then get
# these means, relative to the mean of G.
MAX_GREY_RATIO = 1.1
GREY_RED_TO_GREEN = 1.5
GREY_BLUE_TO_GREEN = 0.5

# Upper limit of a gain. Larger gains amplify mainly noise.
MAX_GAIN = 10.0


def multiply_channel(channel: npt.NDArray[np.uint8], gain: float) -> npt.NDArray[np.uint8]:
    """Multiply a channel, (H, W) uint8. The result is rounded and at most 255."""
    table = np.rint(np.arange(256) * gain).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(channel, table), np.uint8)


def compute_gains(means: npt.NDArray[np.float64]) -> Gains:
    """Return the gains of R, G and B, (3,).

    Args:
        means: (3,) means of R, G and B in the field of view, from 0 to 255.
    """
    means = means.clip(min=1)
    red_gain, green_gain = (np.array(MIN_MEANS) / means[:2]).clip(1, MAX_GAIN)
    green = green_gain * means[1]
    if means.max() <= MAX_GREY_RATIO * means.min():
        red_gain = min(max(red_gain, GREY_RED_TO_GREEN * green / means[0]), MAX_GAIN)
        blue_gain = GREY_BLUE_TO_GREEN * green / means[2]
    else:
        blue_gain = min(green_gain, MAX_BLUE_TO_GREEN * green / means[2])
    return np.array([red_gain, green_gain, blue_gain])
