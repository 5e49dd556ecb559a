"""Vessels of a mask as curves with widths, branching points and end points."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgeseg.imaging.arrays import Mask
from edgeseg.measures.curves import Curves, Flags, Floats, smooth_known
from edgeseg.measures.distances import DistanceMap
from edgeseg.measures.image_rows import BlurredMask, ImageRows
from edgeseg.measures.nodes import (
    branching_radii,
    find_bridges,
    join_at_centres,
    locate_branching_points,
)
from edgeseg.measures.pixel_graph import Canvas
from edgeseg.measures.pruning import label_branching_points, prune_spurs
from edgeseg.measures.thinning import thin_mask
from edgeseg.measures.tracing import trace_lines
from edgeseg.measures.values import WidthMethod
from edgeseg.measures.widths import measure_widths

SMOOTHING = 1 / 400
"""Standard deviation for smoothing the centre lines, relative to the field's diameter."""

WIDTH_SMOOTHING = 1 / 100
"""Standard deviation for smoothing the widths along a vessel, relative to the field's diameter."""

MAX_SKELETON_PIXELS = 1_000_000
"""Maximum number of pixels of a skeleton, to limit the memory.

The skeleton of a photograph of 100 megapixels has about 300,000 pixels.
"""

_MIN_SMOOTHING = 2.0  # pixels
# Length at each end of a vessel where no width is measured, in multiples of half the vessel width.
_TIP = 2.0
_STEP = 1 / 1024  # distance between points of a curve, relative to the field's diameter


@dataclass(frozen=True, eq=False)
class VesselNetwork:
    """Vessels of one field of view.

    Attributes:
        curves: centre lines with points at equal distances.
        is_segment: (S,) bool; False for bridges, whose two ends belong to the same branching point.
        branching_radii: (2, S) float64, half of the vessel width at the branching points at both
            ends of each curve; 0 at other ends.
        widths: (K,) float64, width at the midpoint between consecutive points of a curve; NaN if
            unknown.
        branching_points: (B, 2) float64, x and y.
        end_points: (E, 2) float64, x and y.
        width_method: method with which the widths were measured.
    """

    curves: Curves
    is_segment: Flags
    branching_radii: Floats
    widths: Floats
    branching_points: Floats
    end_points: Floats
    width_method: WidthMethod

    def mean_widths(self) -> Floats:
        """Return the mean width of each curve in pixels, (S,) float64; NaN if unknown."""
        known = ~np.isnan(self.widths)
        owners, count = self.curves.steps().owners[known], len(self.curves.counts)
        sums = np.bincount(owners, self.widths[known], minlength=count)
        counts = np.bincount(owners, minlength=count)
        means: Floats = np.full(count, np.nan)
        np.divide(sums, counts, out=means, where=counts > 0)
        return means


def trace_vessels(
    mask: Mask, diameter: float, probability: ImageRows | None = None, threshold: float = 0.5
) -> tuple[VesselNetwork, Mask] | None:
    """Trace the vessels of a mask.

    Args:
        mask: (H, W) uint8 {0, 255}, vessels inside the field of view.
        diameter: diameter of the field of view in pixels.
        probability: image from which the mask was computed; None if unknown.
        threshold: vessel probability threshold of the mask; ignored without a probability.

    Returns:
        Vessels, and their pruned skeleton, (H, W) uint8 {0, 1}. None if the skeleton has more than
        `MAX_SKELETON_PIXELS` pixels before the pruning.
    """
    thinned = thin_mask(mask)
    if cv2.countNonZero(thinned) > MAX_SKELETON_PIXELS:
        return None
    canvas = Canvas(thinned)
    distances = DistanceMap(mask)
    graph, radii = prune_spurs(canvas, distances)
    rows, columns = canvas.rows_and_columns()
    pixels = np.stack([columns, rows], 1).astype(np.float64)
    labels = label_branching_points(graph)
    lines = trace_lines(graph, labels)
    curves = join_at_centres(lines, pixels, labels)
    curves = curves.smooth(max(_MIN_SMOOTHING, SMOOTHING * diameter))
    step = max(1.0, _STEP * diameter)
    curves = curves.resample(step)
    line_radii = branching_radii(lines, labels, radii.astype(np.float64))
    bridges = find_bridges(lines, labels, curves.lengths(), line_radii)
    expected = _expected_radii(curves, distances, mask.shape)
    del distances  # reduces the peak memory
    values = BlurredMask(mask) if probability is None else probability
    level = 0.5 if probability is None else threshold
    widths = _measure_steps(curves, line_radii, expected, values, level)
    sigma = WIDTH_SMOOTHING * diameter / step
    network = VesselNetwork(
        curves,
        ~bridges,
        line_radii,
        smooth_known(widths, curves.steps().owners, sigma),
        locate_branching_points(lines, labels, bridges, pixels),
        pixels[graph.degrees == 1],
        "binary" if probability is None else "probability",
    )
    return network, canvas.skeleton


def _expected_radii(curves: Curves, distances: DistanceMap, shape: tuple[int, ...]) -> Floats:
    """Return the distance to the background at each step of the curves, (K,) float64."""
    column, row = np.rint(curves.steps().middles).astype(np.int64).T
    column, row = np.clip(column, 0, shape[1] - 1), np.clip(row, 0, shape[0] - 1)
    return np.asarray(distances.at(row, column), np.float64)


def _measure_steps(
    curves: Curves, line_radii: Floats, expected: Floats, values: ImageRows, level: float
) -> Floats:
    """Measure the vessel width at each step of the curves, except close to their end points.

    Close to these points, the normal may run along another vessel or across the end of the vessel.
    """
    steps = curves.steps()
    widths = measure_widths(values, level, steps.middles, steps.directions, expected)
    mean_radii = np.bincount(steps.owners, expected) / np.bincount(steps.owners)
    margins = np.where(line_radii > 0, line_radii, _TIP * mean_radii)
    margins[:, curves.closed] = 0
    from_end = curves.lengths()[steps.owners] - steps.positions
    near_start = steps.positions < margins[0, steps.owners]
    widths[near_start | (from_end < margins[1, steps.owners])] = np.nan
    return widths
