"""Scores of a vessel mask against a manual mask. They are computed from integer pixel counts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask, Probability, row_bands

BINS = 4096
"""Number of probability bins.

For the shipped models, the AUC differs from the exact rank statistic by less than 1e-4.
"""


@dataclass(frozen=True)
class PixelCounts:
    """Confusion matrix in pixels, with vessel as the positive class."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def dice(self) -> float:
        """2 TP / (2 TP + FP + FN); 1 if neither mask has a vessel (Dice 1945)."""
        doubled = 2 * self.true_positive
        return _ratio(doubled, doubled + self.false_positive + self.false_negative)

    @property
    def iou(self) -> float:
        """TP / (TP + FP + FN); 1 if neither mask has a vessel (Jaccard 1912)."""
        union = self.true_positive + self.false_positive + self.false_negative
        return _ratio(self.true_positive, union)

    @property
    def accuracy(self) -> float:
        """(TP + TN) / all pixels."""
        return _ratio(self.true_positive + self.true_negative, self.pixels)

    @property
    def sensitivity(self) -> float:
        """TP / (TP + FN); 1 if the manual mask has no vessel."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        """TN / (TN + FP); 1 if the manual mask has no background."""
        return _ratio(self.true_negative, self.true_negative + self.false_positive)

    @property
    def pixels(self) -> int:
        """Number of counted pixels."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative


def count_pixels(prediction: Mask, truth: Mask, inside: Mask | None = None) -> PixelCounts:
    """Compare two masks pixel by pixel.

    Args:
        prediction: (H, W) uint8 {0, 255}.
        truth: (H, W) uint8 {0, 255}, manual mask.
        inside: (H, W) uint8, nonzero for counted pixels; None for the whole frame.
    """
    both = predicted = marked = 0
    for rows in row_bands(len(truth)):  # limits the memory
        found, vessels = prediction[rows], truth[rows]
        if inside is not None:
            found = np.asarray(cv2.bitwise_and(found, inside[rows]), np.uint8)
            vessels = np.asarray(cv2.bitwise_and(vessels, inside[rows]), np.uint8)
        both += cv2.countNonZero(cv2.bitwise_and(found, vessels))
        predicted += cv2.countNonZero(found)
        marked += cv2.countNonZero(vessels)
    total = truth.size if inside is None else cv2.countNonZero(inside)
    return PixelCounts(both, predicted - both, marked - both, total - predicted - marked + both)


@dataclass(frozen=True)
class ThresholdCurve:
    """Histograms of a probability over vessel and background pixels.

    Attributes:
        vessel: (BINS,) int64, number of vessel pixels in each bin, in ascending order of
            probability.
        background: (BINS,) int64, number of background pixels in each bin.
    """

    vessel: npt.NDArray[np.int64]
    background: npt.NDArray[np.int64]

    @property
    def auc(self) -> float | None:
        """Area under the ROC curve; None if there are no vessel or no background pixels.

        The area is the probability that a vessel pixel has a higher value than a background pixel.
        Ties count half.
        """
        vessels, background = int(self.vessel.sum()), int(self.background.sum())
        if not vessels or not background:
            return None
        below = np.cumsum(self.background) - self.background
        return float((self.vessel * (below + 0.5 * self.background)).sum() / (vessels * background))

    def plus(self, other: ThresholdCurve) -> ThresholdCurve:
        """Return the sum of two curves, which count different pixels."""
        return ThresholdCurve(self.vessel + other.vessel, self.background + other.background)

    def dice_at(self) -> npt.NDArray[np.float64]:
        """Compute the Dice for thresholds k / BINS, (BINS,); 1 if neither mask has a vessel."""
        true_positive = self.vessel[::-1].cumsum()[::-1]
        false_positive = self.background[::-1].cumsum()[::-1]
        both_masks = true_positive + false_positive + self.vessel.sum()
        return np.where(both_masks == 0, 1.0, 2 * true_positive / np.maximum(both_masks, 1))


def threshold_curve(
    probability: Probability, truth: Mask, inside: Mask | None = None
) -> ThresholdCurve:
    """Count vessel and background pixels in bins of the probability.

    Args:
        probability: (H, W) float32, 0 to 1.
        truth: (H, W) uint8 {0, 255}, manual mask.
        inside: (H, W) uint8, nonzero for counted pixels; None for the whole frame.
    """
    bins = np.minimum((probability * BINS).astype(np.int32), BINS - 1)
    counted = slice(None) if inside is None else inside != 0
    vessel = (truth != 0)[counted].ravel()
    counts = np.bincount(bins[counted].ravel() + BINS * vessel, minlength=2 * BINS).astype(np.int64)
    return ThresholdCurve(counts[BINS:], counts[:BINS])


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
