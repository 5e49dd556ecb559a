"""Visualizations: vessels over the photograph, and an error map of a prediction."""

import cv2
import numpy as np

from edgeseg.imaging.arrays import Mask, Photo, row_bands

# Green. It differs from the retina in hue and brightness, so colour-blind people see it too.
VESSEL = (64, 255, 128)

# White, red and blue. They remain distinct for colour-blind people and in print.
FOUND, FALSE, MISSED = (255, 255, 255), (255, 64, 64), (64, 160, 255)


def draw_overlay(
    photo: Photo, mask: Mask, colour: tuple[int, int, int] = VESSEL, opacity: float = 0.6
) -> Photo:
    """Tint the mask's pixels of a photograph.

    Args:
        photo: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, nonzero where the tint is applied.
        colour: RGB colour of the tint.
        opacity: weight of the colour, 0 to 1.

    Returns:
        Tinted copy, (H, W, 3) uint8 RGB.
    """
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    mixed = cv2.addWeighted(levels, 1 - opacity, np.full_like(levels, colour), opacity, 0)
    tinted: Photo = photo.copy()
    for rows in row_bands(len(photo)):  # saves a second full-size image
        # A lookup table takes a third of the time of mixing each pixel.
        cv2.copyTo(cv2.LUT(tinted[rows], mixed), mask[rows], tinted[rows])
    return tinted


def draw_error_map(prediction: Mask, truth: Mask, inside: Mask | None = None) -> Photo:
    """Draw true positives white, false positives red and false negatives blue, on black.

    Args:
        prediction: (H, W) uint8 {0, 255}.
        truth: (H, W) uint8 {0, 255}.
        inside: (H, W) uint8 {0, 255}; pixels where it is 0 stay black.

    Returns:
        Error map, (H, W, 3) uint8 RGB.
    """
    predicted, labelled = prediction != 0, truth != 0
    image: Photo = np.zeros((*truth.shape, 3), np.uint8)
    image[predicted & labelled] = FOUND
    image[predicted & ~labelled] = FALSE
    image[~predicted & labelled] = MISSED
    if inside is not None:
        image[inside == 0] = 0
    return image
