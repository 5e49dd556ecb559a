"""clDice, thin vessels and density differences of drawn vessels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.evaluation.structure import compare_structure
from edgeseg.imaging.arrays import Mask

SIDE = 500


def draw_lines(*widths: int, rows: tuple[int, ...] = (100, 200, 300, 400)) -> Mask:
    """Return a mask with horizontal lines of the given widths, one at each row."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for row, width in zip(rows, widths, strict=False):
        top = row - width // 2
        mask[top : top + width, 50:450] = 255
    return mask


def test_structure_of_equal_masks_is_perfect() -> None:
    scores = compare_structure(draw_lines(1, 9), draw_lines(1, 9))
    assert scores is not None
    assert (scores.cldice, scores.thin_sensitivity) == (1, 1)
    assert scores.vessel_density_difference == scores.skeleton_density_difference == 0


@pytest.mark.parametrize(("width", "is_thin"), [(1, True), (3, False), (9, False)])
def test_thin_vessels_are_below_three_pixels_of_a_thousand(width: int, is_thin: bool) -> None:
    # The field is 500 pixels wide, so that a line of one pixel counts as two and a line of three
    # pixels as six.
    truth = draw_lines(width)
    scores = compare_structure(truth, truth)
    assert scores is not None
    assert scores.thin_sensitivity == (1 if is_thin else None)


def test_thin_sensitivity_counts_only_thin_vessels() -> None:
    scores = compare_structure(draw_lines(1), draw_lines(1, 9, 1, 1))
    assert scores is not None
    assert scores.thin_sensitivity == pytest.approx(1 / 3, abs=0.01)


def test_cldice_is_the_harmonic_mean_over_skeletons() -> None:
    # One of two vessels is found, and the prediction has no false vessel.
    scores = compare_structure(draw_lines(5), draw_lines(5, 5))
    assert scores is not None
    assert scores.cldice == pytest.approx(2 * 0.5 / 1.5, abs=0.01)


def test_cldice_ignores_the_width_of_vessels() -> None:
    scores = compare_structure(draw_lines(3, 3), draw_lines(9, 9))
    assert scores is not None
    assert scores.cldice > 0.99


def test_density_differences_have_the_definitions_of_measures() -> None:
    scores = compare_structure(draw_lines(5), draw_lines(5, 5, 5))
    assert scores is not None
    assert scores.vessel_density_difference == pytest.approx(2 * 5 * 400 / SIDE**2)
    # Two lines of 400 pixels, relative to the diameter of 500 pixels.
    expected = 2 * 400 * SIDE / SIDE**2
    assert scores.skeleton_density_difference == pytest.approx(expected, rel=0.02)


def test_structure_outside_counted_pixels_does_not_count() -> None:
    inside = np.zeros((SIDE, SIDE), np.uint8)
    inside[:250] = 255
    outside_differs = compare_structure(draw_lines(5, 5, 9), draw_lines(5, 5, 1, 1), inside)
    assert outside_differs == compare_structure(draw_lines(5, 5), draw_lines(5, 5), inside)


def test_structure_without_vessels_has_no_thin_sensitivity() -> None:
    empty = np.zeros((SIDE, SIDE), np.uint8)
    both = compare_structure(empty, empty)
    one = compare_structure(empty, draw_lines(5))
    assert both is not None
    assert one is not None
    assert (both.cldice, both.thin_sensitivity) == (1, None)
    assert (one.cldice, one.thin_sensitivity) == (0, None)


def draw_spot(centre: tuple[int, int]) -> Mask:
    """Return a mask with a round spot, which has no skeleton."""
    return np.asarray(cv2.circle(np.zeros((SIDE, SIDE), np.uint8), centre, 10, 255, -1), np.uint8)


@pytest.mark.parametrize("truth", [np.zeros((SIDE, SIDE), np.uint8), draw_spot((400, 400))])
def test_cldice_of_different_masks_without_skeleton_is_zero(truth: Mask) -> None:
    scores = compare_structure(draw_spot((100, 100)), truth)
    assert scores is not None
    assert scores.cldice == 0


def test_cldice_of_equal_masks_without_skeleton_is_one() -> None:
    inside = draw_lines(50)
    first, second = draw_spot((100, 100)), draw_spot((100, 100))
    second[-1] = 255  # not counted
    scores = compare_structure(first, second, inside)
    assert scores is not None
    assert (scores.cldice, scores.vessel_density_difference) == (1, 0)


def test_structure_of_a_mostly_marked_mask_is_undefined() -> None:
    white = np.full((SIDE, SIDE), 255, np.uint8)
    assert compare_structure(white, draw_lines(5)) is None
    assert compare_structure(draw_lines(5), draw_lines(5), np.zeros_like(white)) is None


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_structure_scores_are_symmetric_and_in_range(seed: int) -> None:
    random = np.random.default_rng(seed)
    noise = random.random((2, 64, 64)).astype(np.float32)
    first, second = (
        np.where(cv2.GaussianBlur(image, (0, 0), 2) > 0.52, 255, 0).astype(np.uint8)
        for image in noise
    )
    scores = compare_structure(first, second)
    assert scores is not None
    reverse = compare_structure(second, first)
    assert reverse is not None
    assert 0 <= scores.cldice <= 1
    assert scores.cldice == pytest.approx(reverse.cldice)
    assert scores.vessel_density_difference == reverse.vessel_density_difference
