"""Measurements of the vessels in one field of view."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.field_of_view.detect import FieldOfView
from edgeseg.imaging.arrays import Box, Mask, Probability
from edgeseg.measures.arrays import binarize_mask, check_arrays
from edgeseg.measures.eye import Eye
from edgeseg.measures.image_rows import ArrayRows, ImageRows
from edgeseg.measures.network import VesselNetwork, trace_vessels
from edgeseg.measures.regions import Area, FieldFigures, Scale, round_figure
from edgeseg.measures.spacing import Spacing, SpacingStatus, um_per_px
from edgeseg.measures.values import (
    DEFINITIONS_VERSION,
    FieldMeasures,
    MeasuresStatus,
    QuadrantMeasures,
    Quadrants,
)

MIN_DIAMETER = 128
"""Minimum diameter of a field of view in pixels. Smaller fields are not measured."""

MAX_DENSITY = 0.5
"""Maximum vessel density. A mask with a higher density cannot be a vessel mask."""


@dataclass(frozen=True)
class Measures:
    """Measurements of one field of view.

    Attributes:
        status: `ok`, or the reason why measurements are missing.
        vessel_density: share of vessel pixels in the field of view, 0 to 1.
        fov_diameter_px: diameter of the field of view in pixels.
        um_per_px: micrometres per pixel; None if unknown.
        um_per_px_status: `ok`, or the reason why `um_per_px` is unknown.
        values: measurements; None unless `status` is `ok` or `no_vessels`.
        box: bounding box of the field of view.
        network: measured curves, relative to `box`; None if `values` is None.
    """

    status: MeasuresStatus
    vessel_density: float
    fov_diameter_px: float
    um_per_px: float | None
    um_per_px_status: SpacingStatus
    box: Box
    values: FieldMeasures | None = None
    network: VesselNetwork | None = field(default=None, repr=False, compare=False)


def measure_vessels(
    mask: npt.ArrayLike,
    fov: FieldOfView | npt.ArrayLike,
    probability: Probability | None = None,
    threshold: float | None = None,
    spacing: Spacing | None = None,
    eye: Eye | None = None,
) -> Measures:
    """Measure the vessels of a mask, as defined in docs/measures.md.

    Args:
        mask: (H, W) vessels: bool, uint8 {0, 1} or {0, 255}. Other values are thresholded at half
            of their range, with a warning.
        fov: field of view, or its mask (H, W), nonzero inside. Vessels outside the field are
            ignored.
        probability: (H, W) floating point, 0 to 1, from which the mask was computed. If this array
            is given, widths are measured on the probability instead of the mask.
        threshold: vessel probability threshold of the mask; ignored without `probability`. The
            default is 0.5.
        spacing: size of a pixel; None to omit the values in micrometres.
        eye: `left` or `right`, for the anatomical names of the quadrants.

    Raises:
        UsageError: The mask is not two-dimensional, an array contains NaN, the arrays differ in
            size, or the field of view is empty. The threshold or the spacing is invalid.
    """
    vessels, was_binary = binarize_mask(mask)
    if not was_binary:
        warnings.warn(
            "the mask is not binary and was thresholded at half of its range", stacklevel=2
        )
    inside = np.asarray(fov.mask if isinstance(fov, FieldOfView) else fov)
    level = 0.5 if threshold is None else threshold
    check_arrays(vessels, inside, probability, level)
    if inside.dtype != np.uint8:
        inside = np.asarray(inside != 0, np.uint8)
    box = Box(*cv2.boundingRect(inside))
    crop = (box.rows, box.columns)
    vessels = np.asarray(cv2.copyTo(vessels[crop], inside[crop]), np.uint8)
    return measure_field(
        vessels,
        inside[crop],
        box,
        field_diameter(fov, box),
        None if probability is None else ArrayRows(np.asarray(probability[crop], np.float32)),
        level,
        spacing,
        eye,
    )


def measure_field(
    mask: Mask,
    inside: Mask,
    box: Box,
    diameter: float,
    probability: ImageRows | None,
    threshold: float,
    spacing: Spacing | None,
    eye: Eye | None,
) -> Measures:
    """Measure the vessels of a field of view. The images are cropped to its box.

    Args:
        mask: (H, W) uint8 {0, 255}, vessels in the field of view.
        inside: (H, W) uint8, nonzero in the field of view.
        box: bounding box of the field of view in the photograph.
        diameter: diameter of the field of view in pixels.
        probability: image on which widths are measured; None to use the mask.
        threshold: vessel probability threshold of the mask; ignored without a probability.
        spacing: size of a pixel; None to omit the values in micrometres.
        eye: `left` or `right`, for the anatomical names of the quadrants.

    Raises:
        UsageError: The spacing is invalid.
    """
    density = cv2.countNonZero(mask) / cv2.countNonZero(inside)
    micrometres, spacing_status = um_per_px(spacing, diameter)
    measures = Measures(
        _status(density, diameter),
        round_figure(density),
        round(diameter, 1),
        micrometres,
        spacing_status,
        box,
    )
    if measures.status not in ("ok", "no_vessels"):
        return measures
    traced = trace_vessels(mask, diameter, probability, threshold)
    if traced is None:
        return replace(measures, status="not_vessels")
    network, skeleton = traced
    scale = Scale(diameter, micrometres, spacing is not None)
    values = _measure_areas(FieldFigures(network, mask, skeleton, inside, scale), eye)
    return replace(measures, values=values, network=network)


def field_diameter(fov: FieldOfView | npt.ArrayLike, box: Box) -> float:
    """Return the diameter of a field of view in pixels.

    Args:
        fov: field of view, or its mask.
        box: bounding box of the mask, for a field without a rim.
    """
    if isinstance(fov, FieldOfView) and fov.rim is not None:
        return 2 * fov.rim.radius
    return float(max(box.width, box.height))


def _status(density: float, diameter: float) -> MeasuresStatus:
    if diameter < MIN_DIAMETER:
        return "field_too_small"
    if density > MAX_DENSITY:
        return "not_vessels"
    return "ok" if density else "no_vessels"


def _measure_areas(figures: FieldFigures, eye: Eye | None) -> FieldMeasures:
    """Measure the whole field of view and its quadrants. The arrays are cropped to the field."""
    height, width = figures.fov.shape
    upper, lower = slice(0, height // 2), slice(height // 2, height)
    left, right = slice(0, width // 2), slice(width // 2, width)
    quadrants = {
        "upper_left": _measure_quadrant(figures, Area(upper, left)),
        "upper_right": _measure_quadrant(figures, Area(upper, right)),
        "lower_left": _measure_quadrant(figures, Area(lower, left)),
        "lower_right": _measure_quadrant(figures, Area(lower, right)),
    }
    if eye is not None:
        # In a photograph of the right eye, the temporal side is on the left.
        sides = {"left": "temporal", "right": "nasal"}
        if eye == "left":
            sides = {"left": "nasal", "right": "temporal"}
        for vertical, name in (("upper", "superior"), ("lower", "inferior")):
            for horizontal, side in sides.items():
                quadrants[f"{name}_{side}"] = quadrants[f"{vertical}_{horizontal}"]
    whole = Area(slice(0, height), slice(0, width))
    return FieldMeasures(
        measures_version=DEFINITIONS_VERSION,
        width_method=figures.network.width_method,
        quadrant=Quadrants(**quadrants),
        **figures.measure(whole),
    )


def _measure_quadrant(figures: FieldFigures, area: Area) -> QuadrantMeasures:
    density = figures.vessel_density(area)
    return QuadrantMeasures(vessel_density=density, **figures.measure(area))
