"""Pictures for people: vessels over the photograph, and prediction over truth."""

from __future__ import annotations

import cv2
import numpy as np

from edgeseg.arrays import Mask, Photo

VESSEL = (64, 255, 128)
"""Green stands out on a retina, for the colour-blind too: it differs from it in brightness as well."""

_BAND = 256  # rows that are mixed at a time

FOUND = (255, 255, 255)
FALSE = (255, 64, 64)
MISSED = (64, 160, 255)
"""White, red and blue: told apart by the colour-blind, and in print."""


def overlay(photo: Photo, mask: Mask, colour: tuple[int, int, int] = VESSEL, opacity: float = 0.6) -> Photo:
    """Photograph (H, W, 3) uint8 RGB with the mask's pixels (H, W) tinted."""
    tinted: Photo = photo.copy()
    for top in range(0, photo.shape[0], _BAND):  # or three more photographs would lie in memory at once
        band = slice(top, top + _BAND)
        tint = np.full_like(photo[band], colour)
        mixed = cv2.addWeighted(photo[band], 1 - opacity, tint, opacity, 0)
        cv2.copyTo(mixed, mask[band], tinted[band])
    return tinted


def difference(found: Mask, truth: Mask, inside: Mask | None = None) -> Photo:
    """Prediction over truth (H, W, 3) uint8 RGB: found white, false red, missed blue, on black.

    Args:
        found: (H, W) uint8 {0, 255}.
        truth: (H, W) uint8 {0, 255}.
        inside: (H, W) uint8 {0, 255}; nothing is drawn where it is 0.
    """
    counted = np.ones(truth.shape, bool) if inside is None else inside != 0
    picture: Photo = np.zeros((*truth.shape, 3), np.uint8)
    for where, colour in (
        ((found != 0) & (truth != 0), FOUND),
        ((found != 0) & (truth == 0), FALSE),
        ((found == 0) & (truth != 0), MISSED),
    ):
        picture[where & counted] = colour
    return picture
