"""Scores of a vessel mask against the manual one: integer counts first, every score derived from them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask, Probability

BINS = 4096
"""Of probability, for curves: AUC agrees with the exact rank statistic within 1e-4."""


@dataclass(frozen=True)
class PixelCounts:
    """Pixels by what was found and what is there."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def dice(self) -> float:
        """2 TP / (2 TP + FP + FN); 1 where neither mask has a vessel (Dice 1945)."""
        return _ratio(
            2 * self.true_positive,
            2 * self.true_positive + self.false_positive + self.false_negative,
        )

    @property
    def iou(self) -> float:
        """TP / (TP + FP + FN); 1 where neither mask has a vessel (Jaccard 1912)."""
        return _ratio(
            self.true_positive, self.true_positive + self.false_positive + self.false_negative
        )

    @property
    def accuracy(self) -> float:
        """Share of pixels that are right."""
        return _ratio(self.true_positive + self.true_negative, self.pixels)

    @property
    def sensitivity(self) -> float:
        """Share of the vessels' pixels that were found; 1 where there are none."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        """Share of the background's pixels that were left alone; 1 where there are none."""
        return _ratio(self.true_negative, self.true_negative + self.false_positive)

    @property
    def pixels(self) -> int:
        """All that was counted."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative


def count_pixels(found: Mask, truth: Mask, inside: Mask | None = None) -> PixelCounts:
    """Compare two masks (H, W) uint8 {0, 255}, over the whole frame or where `inside` is not 0."""
    if inside is not None:
        found, truth = (
            cv2.bitwise_and(mask, inside).astype(np.uint8, copy=False) for mask in (found, truth)
        )
    total = truth.size if inside is None else cv2.countNonZero(inside)
    both = cv2.countNonZero(cv2.bitwise_and(found, truth))
    of_found, of_truth = cv2.countNonZero(found), cv2.countNonZero(truth)
    return PixelCounts(both, of_found - both, of_truth - both, total - of_found - of_truth + both)


@dataclass(frozen=True)
class ThresholdCurve:
    """Vessel and background pixels of a photograph by probability: (BINS,) int64 each, rising probability."""

    vessel: npt.NDArray[np.int64]
    background: npt.NDArray[np.int64]

    @property
    def auc(self) -> float:
        """Area under the ROC curve: the chance that a vessel's pixel ranks above a background's (ties half)."""
        vessels, background = int(self.vessel.sum()), int(self.background.sum())
        if not vessels or not background:
            return float("nan")
        below = np.cumsum(self.background) - self.background
        return float((self.vessel * (below + 0.5 * self.background)).sum() / (vessels * background))

    def dice_at(self) -> npt.NDArray[np.float64]:
        """Dice (BINS,) for the thresholds k / BINS; 1 where neither mask has a vessel."""
        found_vessel = self.vessel[::-1].cumsum()[::-1]
        found_background = self.background[::-1].cumsum()[::-1]
        whole = found_vessel + found_background + self.vessel.sum()
        return np.where(whole == 0, 1.0, 2 * found_vessel / np.maximum(whole, 1))


def threshold_curve(
    probability: Probability, truth: Mask, inside: Mask | None = None
) -> ThresholdCurve:
    """Probability (H, W) float32 against truth (H, W) {0, 255}, whole frame or where `inside` is not 0."""
    bins = np.minimum((probability * BINS).astype(np.int32), BINS - 1)
    where = slice(None) if inside is None else inside != 0
    bins, vessel = bins[where].ravel(), (truth != 0)[where].ravel()
    both = np.bincount(bins + BINS * vessel, minlength=2 * BINS).astype(np.int64)
    return ThresholdCurve(both[BINS:], both[:BINS])


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
