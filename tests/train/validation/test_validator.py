"""Validation: scores of `evaluate` at the best threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgeseg.datasets import DataSet, LoadedPair, Pair, Split
from edgeseg.evaluation.metrics import count_pixels
from edgeseg.postprocess import resize_to_photo
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.synthetic import generate_photo
from edgeseg_train.validation.validator import CachedPair, cache_pairs, validate_network

CONFIG = PreprocessingConfig(160)


@dataclass(frozen=True)
class SyntheticExample:
    """Small synthetic pair, with or without a published field of view."""

    name: str
    seed: int
    published: bool
    split: Split = "validation"

    def load(self) -> LoadedPair:
        drawn = generate_photo(self.seed, 256)
        return LoadedPair(drawn.photo, drawn.truth, drawn.fov if self.published else None)


def data_set(name: str, seeds: Sequence[int], published: bool) -> DataSet:
    pairs: tuple[Pair, ...] = tuple(
        SyntheticExample(f"{name}{seed}", seed, published) for seed in seeds
    )
    return DataSet(name, "validation", pairs)


@pytest.fixture(scope="module")
def cached_pairs() -> tuple[CachedPair, ...]:
    """Cache one photograph with a published field of view and two without."""
    return cache_pairs(
        [data_set("with", [1], True), data_set("without", [2, 3], False)], CONFIG, CONFIG.size
    )


class DarkVesselNetwork(nn.Module):
    """Network that finds pixels darker than their surroundings."""

    def forward(self, photo: Tensor) -> Tensor:
        green = photo[0, 1].numpy()
        return torch.from_numpy((cv2.GaussianBlur(green, (0, 0), 5) - green) * 60 - 1)[None, None]


def dice(pair: CachedPair, threshold: float) -> float:
    """Compute Dice with the steps of the device."""
    photo = torch.from_numpy(pair.prepared.tensor).permute(0, 3, 1, 2).float() / 255
    probability = DarkVesselNetwork()(photo)[0, 0].sigmoid().numpy()
    frame = resize_to_photo(probability, pair.prepared.placement, pair.prepared.fov.mask)
    mask = np.where(frame >= threshold, np.uint8(255), np.uint8(0))
    return count_pixels(mask, pair.truth, pair.published_fov).dice


def test_validate_network_dice_is_mean_over_sets_of_photograph_means(
    cached_pairs: tuple[CachedPair, ...],
) -> None:
    result = validate_network(DarkVesselNetwork(), cached_pairs, CONFIG, torch.device("cpu"))
    scores = [dice(pair, result.threshold) for pair in cached_pairs]
    assert result.per_set == pytest.approx(
        {"with": scores[0], "without": (scores[1] + scores[2]) / 2}
    )
    assert result.dice == pytest.approx(sum(result.per_set.values()) / 2)
    assert 0.15 < result.dice < 1
    iou = [score / (2 - score) for score in scores]
    assert result.iou == pytest.approx((iou[0] + (iou[1] + iou[2]) / 2) / 2)


def test_validate_network_selects_best_threshold(cached_pairs: tuple[CachedPair, ...]) -> None:
    result = validate_network(DarkVesselNetwork(), cached_pairs, CONFIG, torch.device("cpu"))
    assert 0 < result.threshold < 1
    for other in np.linspace(0.02, 0.98, 13):
        scores = [dice(pair, other) for pair in cached_pairs]
        assert (scores[0] + (scores[1] + scores[2]) / 2) / 2 <= result.dice + 1e-9


def test_cache_pairs_keeps_published_fields_of_view_only(
    cached_pairs: tuple[CachedPair, ...],
) -> None:
    assert [pair.published_fov is not None for pair in cached_pairs] == [True, False, False]
    assert all(
        pair.prepared.fov.mask.any() and pair.prepared.tensor.shape == (1, 160, 160, 3)
        for pair in cached_pairs
    )


def test_cache_pairs_uses_requested_size() -> None:
    (pair,) = cache_pairs([data_set("with", [1], True)], CONFIG, 96)
    assert pair.prepared.inside.shape == (96, 96)
