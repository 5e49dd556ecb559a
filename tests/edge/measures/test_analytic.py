"""Measurements of shapes with known values."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.imaging.arrays import Mask, Probability
from edgeseg.measures import measure_vessels
from edgeseg.measures.fractal import box_counting_dimension
from edgeseg.measures.network import trace_vessels
from edgeseg.measures.values import FieldMeasures

Points = npt.NDArray[np.float64]
DrawLine = Callable[[Points, float, int], Mask]

SIZE = 200
DIAMETER = 600.0
ANGLES = (0.0, 3.0, 11.0, 22.5, 30.0, 45.0, 59.0, 77.0, 90.0, 121.0, 135.0, 166.0)


def values_of(mask: Mask, probability: Probability | None = None) -> FieldMeasures:
    measures = measure_vessels(mask, np.ones_like(mask), probability)
    assert measures.values is not None
    return measures.values


def polar(radius: float, count: int, turn: float = 2 * np.pi) -> Points:
    angle = np.linspace(0, turn, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


@pytest.mark.parametrize(
    "width", [3.0, 4.4, 9.5, *(pytest.param(w, marks=pytest.mark.slow) for w in (6, 17, 28, 40))]
)
def test_widths_of_a_band_match_at_every_angle(
    width: float, draw_band: Callable[..., Probability]
) -> None:
    for degrees in ANGLES:
        binary: list[float] = []
        for shift in (0.0, 0.24, 0.47):
            band = draw_band(SIZE, width, degrees, shift)
            mask = np.where(band >= 0.5, np.uint8(255), np.uint8(0))
            smooth = values_of(mask, band)
            assert smooth.width_method == "probability"
            assert smooth.width_mean_px == pytest.approx(width, abs=max(0.25, 0.03 * width))
            coarse = values_of(mask)
            assert coarse.width_method == "binary"
            assert coarse.width_mean_px is not None
            binary.append(coarse.width_mean_px)
        # In a single mask at 0 and 45 degrees, the band may be half a pixel too wide.
        assert np.mean(binary) == pytest.approx(width, abs=0.5)


@pytest.mark.parametrize("degrees", ANGLES)
def test_straight_line_is_not_tortuous_and_has_dimension_one(degrees: float) -> None:
    mask = np.zeros((1000, 1000), np.uint8)
    half = 360 * np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    ends = np.rint(np.stack([500 - half, 500 + half])).astype(int).tolist()
    cv2.line(mask, ends[0], ends[1], 255, 4)
    values = values_of(mask)
    assert values.tortuosity_arc_chord_mean is not None
    assert 1 <= values.tortuosity_arc_chord_mean <= 1.01
    assert values.total_length_px == pytest.approx(720, rel=0.01)
    assert values.fractal_dimension_skeleton is not None
    assert 0.94 <= values.fractal_dimension_skeleton <= 1.02
    assert (values.segment_count, values.branching_point_count, values.end_point_count) == (1, 0, 2)


def test_filled_disc_has_dimension_two() -> None:
    mask = np.zeros((1100, 1100), np.uint8)
    cv2.circle(mask, (550, 550), 400, 255, -1)
    dimension = values_of(mask).fractal_dimension_mask
    assert dimension is not None
    assert 1.90 <= dimension <= 2.02


def test_koch_curve_has_expected_dimension() -> None:
    curve = np.array([0, 1], complex)
    for _ in range(6):
        third = np.diff(curve) / 3
        start = curve[:-1]
        peak = start + third + third * np.exp(-1j * np.pi / 3)
        parts = np.stack([start, start + third, peak, start + 2 * third], 1)
        curve = np.append(parts.ravel(), curve[-1])
    points = np.stack([curve.real * 2187 + 60, curve.imag * 2187 + 1400], 1)
    image = np.zeros((2300, 2300), np.uint8)
    cv2.polylines(image, [np.rint(points).astype(np.int32)], False, 255)
    assert box_counting_dimension(image, 2300) == pytest.approx(1.2619, abs=0.05)


@pytest.mark.parametrize("radius", [60.0, 110.0])
def test_circle_has_expected_length_and_curvature(radius: float, draw_line: DrawLine) -> None:
    values = values_of(draw_line(polar(radius, 400) + 150, 5, 300))
    assert values.total_length_px == pytest.approx(2 * np.pi * radius, rel=0.01)
    assert values.tortuosity_curvature_mean_per_px == pytest.approx(1 / radius, rel=0.03)
    assert values.tortuosity_rms_curvature_mean_per_px == pytest.approx(1 / radius, rel=0.03)
    assert values.tortuosity_arc_chord_mean is None
    assert (values.segment_count, values.branching_point_count, values.end_point_count) == (1, 0, 0)


@pytest.mark.parametrize(("turn", "expected"), [(np.pi, np.pi / 2), (np.pi / 2, 1.1107)])
def test_arc_over_chord_of_circular_arcs_is_exact(
    turn: float, expected: float, draw_line: DrawLine
) -> None:
    values = values_of(draw_line(polar(120, 300, turn) + 150, 4, 300))
    assert values.tortuosity_arc_chord_mean == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("amplitude", [8.0, 20.0, 40.0])
def test_arc_over_chord_of_a_sinusoid_matches_its_integral(
    amplitude: float, draw_line: DrawLine
) -> None:
    x = np.linspace(0, 320, 2000)
    curve = np.stack([x + 40, 200 + amplitude * np.sin(2 * np.pi * x / 160)], 1)
    exact = np.hypot(*np.diff(curve, axis=0).T).sum() / 320
    values = values_of(draw_line(curve, 5, 400))
    assert values.tortuosity_arc_chord_mean == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("width", [3.0, 7.0])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_branching_points_of_a_tree_are_exact(
    depth: int, width: float, draw_line: DrawLine
) -> None:
    mask = np.zeros((700, 700), np.uint8)

    def grow(x: float, y: float, degrees: float, length: float, level: int) -> None:
        angle = np.deg2rad(degrees)
        end = (x + length * np.cos(angle), y - length * np.sin(angle))
        np.maximum(mask, draw_line(np.array([(x, y), end]), width, 700), out=mask)
        if level:
            grow(*end, degrees + 40, 0.7 * length, level - 1)
            grow(*end, degrees - 33, 0.7 * length, level - 1)

    grow(350, 650, 90, 180, depth)
    values = values_of(mask)
    assert values.branching_point_count == 2**depth - 1
    assert values.end_point_count == 2**depth + 1
    assert values.segment_count == 2 ** (depth + 1) - 1


def test_crossing_of_two_vessels_is_one_branching_point(draw_line: DrawLine) -> None:
    first = draw_line(np.array([(20.0, 60.0), (280.0, 240.0)]), 8, 300)
    second = draw_line(np.array([(30.0, 200.0), (270.0, 110.0)]), 8, 300)
    values = values_of(np.maximum(first, second))
    assert (values.branching_point_count, values.segment_count) == (1, 4)


def test_bumps_of_an_edge_are_not_branches(draw_line: DrawLine) -> None:
    mask = draw_line(np.array([(20.0, 150.0), (280.0, 150.0)]), 12, 300)
    for column in range(40, 260, 9):
        mask[140 - column % 4, column : column + 2] = 255
        mask[140:146, column : column + 2] = 255
    values = values_of(mask)
    assert (values.branching_point_count, values.segment_count) == (0, 1)


def test_adjacent_vessels_have_separate_widths(draw_line: DrawLine) -> None:
    thin = draw_line(np.array([(20.0, 100.0), (280.0, 100.0)]), 4, 300)
    wide = draw_line(np.array([(20.0, 112.0), (280.0, 112.0)]), 8, 300)
    traced = trace_vessels(np.maximum(thin, wide), DIAMETER)
    assert traced is not None
    network, _ = traced
    owners = network.curves.steps().owners
    medians = [float(np.nanmedian(network.widths[owners == number])) for number in (0, 1)]
    assert medians == pytest.approx([thin[:, 150].sum() / 255, wide[:, 150].sum() / 255], abs=0.2)
