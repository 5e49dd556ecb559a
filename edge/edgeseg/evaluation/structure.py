"""Scores of the vessel structure: centre lines, thin vessels and densities.

The skeletons, total lengths and densities are those of `edgeseg.measures`.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from edgeseg.evaluation.scores import StructureScores
from edgeseg.imaging.arrays import Mask, row_bands
from edgeseg.measures.curves import Flags
from edgeseg.measures.distances import DistanceMap, Distances
from edgeseg.measures.measure import MAX_DENSITY
from edgeseg.measures.network import trace_vessels
from edgeseg.measures.pixel_graph import Indices

THIN_WIDTH = 3.0
"""Vessels below this width in pixels are thin, if the field of view is `REFERENCE_WIDTH` wide."""

REFERENCE_WIDTH = 1000


@dataclass(frozen=True, eq=False)
class _Vessels:
    """Vessels of a mask inside the counted pixels.

    Attributes:
        rows: (N,) int64, row of each pixel of the pruned skeleton.
        columns: (N,) int64, column of each pixel.
        widths: (N,) float32, width of the vessel at each pixel, in pixels.
        length: total length of the centre lines in pixels.
        area: number of vessel pixels.
    """

    rows: Indices
    columns: Indices
    widths: Distances
    length: float
    area: int

    def covered_by(self, mask: Mask) -> float | None:
        """Return the share of the skeleton in a mask; None if the skeleton is empty."""
        return _share(mask[self.rows, self.columns] > 0)


def compare_structure(
    prediction: Mask, truth: Mask, inside: Mask | None = None
) -> StructureScores | None:
    """Compare the structure of the vessels in two masks.

    Args:
        prediction: (H, W) uint8 {0, 255}.
        truth: (H, W) uint8 {0, 255}, manual mask.
        inside: (H, W) uint8, nonzero for counted pixels; None for the whole frame.

    Returns:
        Scores; None if more than half of the counted pixels of one mask are vessel, if the skeleton
        of one mask has more than a million pixels, or if no pixel is counted.
    """
    area, (height, width) = truth.size, truth.shape
    if inside is not None:
        area = cv2.countNonZero(inside)
        _, _, width, height = cv2.boundingRect(inside)
    if not area:
        return None
    diameter = float(max(width, height))
    predicted = _trace(prediction, inside, diameter, area)
    manual = None if predicted is None else _trace(truth, inside, diameter, area)
    if predicted is None or manual is None:
        return None
    shares = predicted.covered_by(truth), manual.covered_by(prediction)
    if shares == (None, None) and _are_equal(prediction, truth, inside):
        cldice = 1.0
    else:
        cldice = _cldice(*shares)
    thin = manual.widths * REFERENCE_WIDTH / diameter < THIN_WIDTH
    return StructureScores(
        cldice=cldice,
        thin_sensitivity=_share(prediction[manual.rows[thin], manual.columns[thin]] > 0),
        vessel_density_difference=abs(predicted.area - manual.area) / area,
        skeleton_density_difference=abs(predicted.length - manual.length) * diameter / area,
    )


def _trace(mask: Mask, inside: Mask | None, diameter: float, area: int) -> _Vessels | None:
    """Trace the vessels inside the counted pixels; None if the mask cannot be a vessel mask."""
    if inside is not None and not _is_inside(mask, inside):
        mask = np.asarray(cv2.copyTo(mask, inside), np.uint8)
    vessel_area = cv2.countNonZero(mask)
    traced = None if vessel_area > MAX_DENSITY * area else trace_vessels(mask, diameter)
    if traced is None:
        return None
    network, skeleton = traced
    length = float(network.curves.steps().lengths.sum())
    rows, columns = np.nonzero(skeleton)
    # The distance to the nearest background pixel is 1 in a line of one pixel.
    distances = DistanceMap(mask, cv2.DIST_MASK_PRECISE).at(rows, columns)
    return _Vessels(rows, columns, 2 * distances - 1, length, vessel_area)


def _is_inside(mask: Mask, inside: Mask) -> bool:
    """Return whether all pixels of a mask are counted. Then no copy of the mask is required."""
    bands = row_bands(len(mask))
    return all(not np.any((mask[rows] != 0) & (inside[rows] == 0)) for rows in bands)


def _are_equal(first: Mask, second: Mask, inside: Mask | None) -> bool:
    different = cv2.bitwise_xor(first, second, mask=inside)
    return cv2.countNonZero(different) == 0


def _cldice(precision: float | None, sensitivity: float | None) -> float:
    """Return the harmonic mean; 0 if one of the shares is 0 or None."""
    if not precision or not sensitivity:
        return 0.0
    return 2 * precision * sensitivity / (precision + sensitivity)


def _share(values: Flags) -> float | None:
    return float(values.mean()) if values.size else None
