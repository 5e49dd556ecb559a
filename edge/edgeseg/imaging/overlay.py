"""Pictures for people: vessels over the photograph, and prediction over truth."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from edgeseg.imaging.arrays import Mask, Photo, row_bands

VESSEL = (64, 255, 128)
"""Green stands out on a retina, for the colour-blind too: it differs from it in brightness as well."""

FOUND = (255, 255, 255)
FALSE = (255, 64, 64)
MISSED = (64, 160, 255)
"""White, red and blue: told apart by the colour-blind, and in print."""


def draw_overlay(
    photo: Photo, mask: Mask, colour: tuple[int, int, int] = VESSEL, opacity: float = 0.6
) -> Photo:
    """Photograph (H, W, 3) uint8 RGB with the mask's pixels (H, W) tinted."""
    tinted = np.empty_like(photo)
    top = 0
    for band in overlay_bands(photo, mask, colour, opacity):
        tinted[top : top + len(band)] = band
        top += len(band)
    return tinted


def overlay_bands(
    photo: Photo, mask: Mask, colour: tuple[int, int, int] = VESSEL, opacity: float = 0.6
) -> Iterator[Photo]:
    """The same, some rows at a time from the top, for what needs no second photograph in memory."""
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    mixed = cv2.addWeighted(levels, 1 - opacity, np.full_like(levels, colour), opacity, 0)
    for rows in row_bands(len(photo)):
        tinted: Photo = photo[rows].copy()
        cv2.copyTo(
            cv2.LUT(tinted, mixed), mask[rows], tinted
        )  # a third of the time of mixing each pixel
        yield tinted


def draw_error_map(found: Mask, truth: Mask, inside: Mask | None = None) -> Photo:
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
