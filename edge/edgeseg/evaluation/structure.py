"""Scores of the vessel structure: centre lines, thin vessels and densities.

The skeletons, total lengths and densities are those of `edgeseg.measures`.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.evaluation.scores import StructureScores
from edgeseg.imaging.arrays import Mask
from edgeseg.measures.curves import Flags
from edgeseg.measures.measure import MAX_DENSITY
from edgeseg.measures.network import trace_vessels

THIN_WIDTH = 3.0
"""Vessels below this width in pixels are thin, if the field of view is `REFERENCE_WIDTH` wide."""

REFERENCE_WIDTH = 1000


@dataclass(frozen=True, eq=False)
class _Vessels:
    """Vessels of a mask inside the counted pixels.

    Attributes:
        mask: (H, W) uint8 {0, 255}.
        skeleton: (H, W) bool, pruned.
        length: total length of the centre lines in pixels.
    """

    mask: Mask
    skeleton: Flags
    length: float

    def covered_by(self, other: Mask) -> float | None:
        """Return the share of the skeleton in another mask; None if the skeleton is empty."""
        return _share(other[self.skeleton] > 0)


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
    if inside is None:
        inside = np.full(truth.shape, 255, np.uint8)
    area = cv2.countNonZero(inside)
    masks = [np.where(inside != 0, mask, np.uint8(0)) for mask in (prediction, truth)]
    if max(map(cv2.countNonZero, masks)) > MAX_DENSITY * area or not area:
        return None
    _, _, width, height = cv2.boundingRect(inside)
    diameter = float(max(width, height))
    predicted, manual = (_trace(mask, diameter) for mask in masks)
    if predicted is None or manual is None:
        return None
    thin = manual.skeleton & (_widths(manual.mask) * REFERENCE_WIDTH / diameter < THIN_WIDTH)
    difference = cv2.countNonZero(predicted.mask) - cv2.countNonZero(manual.mask)
    return StructureScores(
        cldice=_cldice(predicted, manual),
        thin_sensitivity=_share(predicted.mask[thin] > 0),
        vessel_density_difference=abs(difference) / area,
        skeleton_density_difference=abs(predicted.length - manual.length) * diameter / area,
    )


def _trace(mask: Mask, diameter: float) -> _Vessels | None:
    traced = trace_vessels(mask, diameter)
    if traced is None:
        return None
    network, skeleton = traced
    length = float(network.curves.steps().lengths.sum())
    return _Vessels(mask, skeleton > 0, length)


def _widths(mask: Mask) -> npt.NDArray[np.float32]:
    """Return the vessel width at each pixel of a centre line, in pixels, (H, W) float32.

    The distance to the nearest background pixel is 1 in a line of one pixel.
    """
    distances = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(2 * distances - 1, np.float32)


def _cldice(predicted: _Vessels, manual: _Vessels) -> float:
    precision = predicted.covered_by(manual.mask)
    sensitivity = manual.covered_by(predicted.mask)
    if precision is None or sensitivity is None:
        return float(precision is sensitivity)  # 1 if neither mask has a vessel
    both = precision + sensitivity
    return 2 * precision * sensitivity / both if both else 0.0


def _share(values: Flags) -> float | None:
    return float(values.mean()) if values.size else None
