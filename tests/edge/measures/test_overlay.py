"""Image of the measurements."""

from __future__ import annotations

import cv2
import numpy as np

from edgeseg.measures import measure_vessels
from edgeseg.measures.overlay import draw_measures

FRAME = np.full((200, 200), 255, np.uint8)


def test_draw_measures_of_empty_mask_darkens_the_photograph() -> None:
    photo = np.full((200, 200, 3), 100, np.uint8)
    drawn = draw_measures(photo, (measure_vessels(np.zeros_like(FRAME), FRAME),))
    assert np.unique(drawn).tolist() == [45]


def test_draw_measures_colours_thin_vessels_blue_and_wide_vessels_red() -> None:
    mask = np.zeros_like(FRAME)
    cv2.line(mask, (20, 60), (180, 60), 255, 3)
    cv2.line(mask, (20, 140), (180, 140), 255, 11)
    drawn = draw_measures(np.zeros((200, 200, 3), np.uint8), (measure_vessels(mask, FRAME),))
    thin, wide = drawn[60, 100].astype(int), drawn[140, 100].astype(int)
    assert thin[2] > thin[0]
    assert wide[0] > wide[2]
