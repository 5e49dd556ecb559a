from __future__ import annotations

import math

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
fields = st.none() | masks
levels = hnp.arrays(np.int64, SHAPE, elements=st.integers(0, BINS))


def _pixels(mask: Mask, inside: Mask | None) -> set[int]:
    counted = np.ones(SHAPE, bool) if inside is None else inside != 0
    return set(np.flatnonzero((mask != 0) & counted).tolist())


def _rank_statistic(probability: Probability, truth: npt.NDArray[np.bool_]) -> float:
    """Share of (vessel, background) pairs in which the vessel ranks above, ties half."""
    above = probability[truth][:, None] > probability[~truth][None, :]
    ties = probability[truth][:, None] == probability[~truth][None, :]
    return float((above + 0.5 * ties).mean())


@given(masks, masks, fields)
def test_scores_are_those_of_the_sets_of_pixels(
    found: Mask, truth: Mask, inside: Mask | None
) -> None:
    f, t = _pixels(found, inside), _pixels(truth, inside)
    whole = set(range(found.size)) if inside is None else _pixels(inside, None)
    counts = count_pixels(found, truth, inside)
    assert counts.pixels == len(whole)
    assert counts.dice == (2 * len(f & t) / (len(f) + len(t)) if f or t else 1)
    assert counts.iou == (len(f & t) / len(f | t) if f | t else 1)
    assert counts.accuracy == ((len(whole) - len(f ^ t)) / len(whole) if whole else 1)
    assert counts.sensitivity == (len(f & t) / len(t) if t else 1)
    assert counts.specificity == (len(whole - f - t) / len(whole - t) if whole - t else 1)


@given(masks, masks, masks)
def test_pixels_outside_do_not_count(found: Mask, truth: Mask, inside: Mask) -> None:
    outside = inside == 0
    other = np.where(outside, 255 - found, found).astype(np.uint8)
    assert count_pixels(found, truth, inside) == count_pixels(other, truth, inside)
    changed = np.where(outside, 1, 0.25).astype(np.float32)
    same = np.full(SHAPE, 0.25, np.float32)
    one, two = threshold_curve(changed, truth, inside), threshold_curve(same, truth, inside)
    assert (one.vessel == two.vessel).all()
    assert (one.background == two.background).all()


@given(masks, masks, fields)
def test_dice_and_iou_tell_the_same(found: Mask, truth: Mask, inside: Mask | None) -> None:
    counts = count_pixels(found, truth, inside)
    assert counts.iou == pytest.approx(counts.dice / (2 - counts.dice))


def test_counting_leaves_the_masks_as_they_are() -> None:
    found, truth, inside = (np.full(SHAPE, value, np.uint8) for value in (255, 255, 0))
    count_pixels(found, truth, inside)
    assert found.all()
    assert truth.all()


def test_nothing_to_find_and_nothing_found_is_perfect() -> None:
    counts = PixelCounts(0, 0, 0, 10)
    assert (counts.dice, counts.iou, counts.accuracy, counts.sensitivity, counts.specificity) == (
        1,
        1,
        1,
        1,
        1,
    )


@given(levels, masks)
def test_auc_is_the_rank_statistic(level: npt.NDArray[np.int64], truth: Mask) -> None:
    # Probability 1 shares the last bin with what is just below it.
    probability = (np.minimum(level, BINS - 1) / BINS).astype(np.float32)
    auc = threshold_curve(probability, truth).auc
    if not truth.any() or truth.all():
        assert math.isnan(auc)
    else:
        assert auc == pytest.approx(_rank_statistic(probability, truth != 0), abs=1e-12)


def test_auc_of_a_fine_probability_is_within_a_ten_thousandth() -> None:
    random = np.random.default_rng(0)
    truth = random.random((80, 80)) < 0.15
    probability = np.clip(random.normal(0.3 + 0.25 * truth, 0.15), 0, 1).astype(np.float32)
    found = threshold_curve(probability, np.where(truth, 255, 0).astype(np.uint8)).auc
    assert found == pytest.approx(_rank_statistic(probability, truth), abs=1e-4)


@pytest.mark.parametrize(
    ("vessel", "background", "auc"), [(0.9, 0.1, 1.0), (0.1, 0.9, 0.0), (0.5, 0.5, 0.5)]
)
def test_auc_of_a_perfect_a_reversed_and_a_clueless_ranking(
    vessel: float, background: float, auc: float
) -> None:
    truth = np.zeros(SHAPE, np.uint8)
    truth[2:4] = 255
    assert threshold_curve(np.where(truth, vessel, background).astype(np.float32), truth).auc == auc


@given(levels, masks, fields, st.integers(0, BINS - 1))
def test_dice_of_every_threshold_is_dice_of_the_mask(
    level: npt.NDArray[np.int64], truth: Mask, inside: Mask | None, k: int
) -> None:
    probability = (level / BINS).astype(np.float32)
    mask = np.where(probability >= np.float32(k / BINS), 255, 0).astype(np.uint8)
    assert threshold_curve(probability, truth, inside).dice_at()[k] == pytest.approx(
        count_pixels(mask, truth, inside).dice
    )
