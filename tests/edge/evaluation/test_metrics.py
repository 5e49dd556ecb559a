"""Pixel counts, scores and threshold curves, compared with their definitions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeseg.evaluation.metrics import BINS, PixelCounts, count_pixels, threshold_curve
from edgeseg.imaging.arrays import Mask, Probability

SHAPE = (7, 9)
masks = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 255]))
optional_masks = st.none() | masks
levels = hnp.arrays(np.int64, SHAPE, elements=st.integers(0, BINS))


def set_pixels(mask: Mask, inside: Mask | None) -> set[int]:
    counted = np.ones(SHAPE, bool) if inside is None else inside != 0
    return set(np.flatnonzero((mask != 0) & counted).tolist())


def rank_statistic(probability: Probability, truth: npt.NDArray[np.bool_]) -> float:
    """Share of (vessel, background) pairs in which the vessel has the higher value.

    Ties count half.
    """
    above = probability[truth][:, None] > probability[~truth][None, :]
    ties = probability[truth][:, None] == probability[~truth][None, :]
    return float((above + 0.5 * ties).mean())


@given(masks, masks, optional_masks)
def test_scores_match_definitions_on_sets_of_pixels(
    prediction: Mask, truth: Mask, inside: Mask | None
) -> None:
    found = set_pixels(prediction, inside)
    vessels = set_pixels(truth, inside)
    frame = set(range(prediction.size)) if inside is None else set_pixels(inside, None)
    background = frame - vessels
    counts = count_pixels(prediction, truth, inside)
    both = len(found & vessels)
    assert counts.pixels == len(frame)
    assert counts.dice == (2 * both / (len(found) + len(vessels)) if found or vessels else 1)
    assert counts.iou == (both / len(found | vessels) if found or vessels else 1)
    wrong = len(found ^ vessels)
    assert counts.accuracy == ((len(frame) - wrong) / len(frame) if frame else 1)
    assert counts.sensitivity == (both / len(vessels) if vessels else 1)
    assert counts.specificity == (len(background - found) / len(background) if background else 1)


@given(masks, masks, masks)
def test_pixels_outside_do_not_count(prediction: Mask, truth: Mask, inside: Mask) -> None:
    outside = inside == 0
    other = np.where(outside, 255 - prediction, prediction).astype(np.uint8)
    assert count_pixels(prediction, truth, inside) == count_pixels(other, truth, inside)
    changed = np.where(outside, 1, 0.25).astype(np.float32)
    uniform = np.full(SHAPE, 0.25, np.float32)
    first = threshold_curve(changed, truth, inside)
    second = threshold_curve(uniform, truth, inside)
    assert (first.vessel == second.vessel).all()
    assert (first.background == second.background).all()


@given(masks, masks, optional_masks)
def test_iou_is_a_function_of_dice(prediction: Mask, truth: Mask, inside: Mask | None) -> None:
    counts = count_pixels(prediction, truth, inside)
    assert counts.iou == pytest.approx(counts.dice / (2 - counts.dice))


def test_count_pixels_does_not_change_the_masks() -> None:
    prediction, truth = np.full(SHAPE, 255, np.uint8), np.full(SHAPE, 255, np.uint8)
    count_pixels(prediction, truth, np.zeros(SHAPE, np.uint8))
    assert prediction.all()
    assert truth.all()


def test_scores_without_vessels_in_both_masks_are_one() -> None:
    counts = PixelCounts(0, 0, 0, 10)
    assert counts.dice == counts.iou == counts.accuracy == 1
    assert counts.sensitivity == counts.specificity == 1


@given(levels, masks)
def test_auc_is_the_rank_statistic(level: npt.NDArray[np.int64], truth: Mask) -> None:
    # The last bin contains probability 1 and the values just below 1.
    probability = (np.minimum(level, BINS - 1) / BINS).astype(np.float32)
    auc = threshold_curve(probability, truth).auc
    if not truth.any() or truth.all():
        assert auc is None
    else:
        assert auc == pytest.approx(rank_statistic(probability, truth != 0), abs=1e-12)


def test_auc_of_continuous_probability_is_within_1e_4() -> None:
    random = np.random.default_rng(0)
    truth = random.random((80, 80)) < 0.15
    probability = np.clip(random.normal(0.3 + 0.25 * truth, 0.15), 0, 1).astype(np.float32)
    auc = threshold_curve(probability, np.where(truth, 255, 0).astype(np.uint8)).auc
    assert auc == pytest.approx(rank_statistic(probability, truth), abs=1e-4)


@pytest.mark.parametrize(
    ("vessel", "background", "auc"),
    [(0.9, 0.1, 1.0), (0.1, 0.9, 0.0), (0.5, 0.5, 0.5)],
    ids=["perfect", "reversed", "uniform"],
)
def test_auc_of_simple_rankings(vessel: float, background: float, auc: float) -> None:
    truth = np.zeros(SHAPE, np.uint8)
    truth[2:4] = 255
    assert threshold_curve(np.where(truth, vessel, background).astype(np.float32), truth).auc == auc


@given(levels, masks, optional_masks, st.integers(0, BINS - 1))
def test_dice_at_threshold_is_dice_of_the_mask(
    level: npt.NDArray[np.int64], truth: Mask, inside: Mask | None, k: int
) -> None:
    probability = (level / BINS).astype(np.float32)
    mask = np.where(probability >= np.float32(k / BINS), 255, 0).astype(np.uint8)
    expected = count_pixels(mask, truth, inside).dice
    assert threshold_curve(probability, truth, inside).dice_at()[k] == pytest.approx(expected)
