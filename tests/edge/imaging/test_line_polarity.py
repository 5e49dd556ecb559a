"""Polarity of lines."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgeseg.imaging.arrays import Mask
from edgeseg.imaging.line_polarity import measure_line_polarity

INSIDE = np.full((200, 220), 255, np.uint8)


def draw_lines(line: int, background: int = 120) -> Mask:
    image = np.full(INSIDE.shape, background, np.uint8)
    for k in range(8):
        cv2.line(image, (10 * k, 0), (219, 25 * k + 10), line, 1 + k % 3)
    return image


@pytest.mark.parametrize(("line", "expected"), [(60, 1), (180, -1)])
def test_measure_line_polarity_of_lines_has_their_sign(line: int, expected: int) -> None:
    polarity = measure_line_polarity(draw_lines(line), INSIDE)
    assert expected * polarity > 0.15
    inverted = np.asarray(255 - draw_lines(line), np.uint8)
    assert measure_line_polarity(inverted, INSIDE) == pytest.approx(-polarity, abs=1e-4)


def test_measure_line_polarity_of_bright_spots_and_dark_lines_is_positive() -> None:
    image = draw_lines(70)
    for k in range(15):
        cv2.circle(image, (20 + 13 * k, 150), 4, 230, -1)
    assert measure_line_polarity(image, INSIDE) > 0.1


def test_measure_line_polarity_without_lines_is_0() -> None:
    assert measure_line_polarity(np.full((9, 9), 90, np.uint8), np.ones((9, 9), np.uint8)) == 0


def test_measure_line_polarity_of_noise_is_about_0() -> None:
    noise = np.random.default_rng(0).normal(100, 9, INSIDE.shape)
    assert abs(measure_line_polarity(np.asarray(noise, np.uint8), INSIDE)) < 0.08


def test_measure_line_polarity_ignores_lines_outside() -> None:
    image = draw_lines(60)
    inside = np.zeros_like(INSIDE)
    inside[150:, :60] = 255
    image[inside > 0] = 120
    cv2.line(image, (5, 155), (50, 195), 200, 2)
    assert measure_line_polarity(image, inside) < 0
