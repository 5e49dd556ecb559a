"""Validation is what `evaluate` counts, at the threshold that is best on these photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgeseg.datasets import DataSet, LoadedPair, Pair, Split
from edgeseg.evaluation.metrics import count_pixels
from edgeseg.postprocess import resize_to_photo
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg.synthetic import generate_photo
from edgeseg_train.validation.validate import CachedPair, cache_pairs, normalise, validate

HOW = PreprocessingConfig(160)


@dataclass(frozen=True)
class DrawnAt:
    """A small drawn pair, with its field of view published or not."""

    name: str
    seed: int
    published: bool
    split: Split = "validation"

    def load(self) -> LoadedPair:
        drawn = generate_photo(self.seed, 256)
        return LoadedPair(drawn.photo, drawn.truth, drawn.fov if self.published else None)


def data_set(name: str, seeds: Sequence[int], published: bool) -> DataSet:
    pairs: tuple[Pair, ...] = tuple(DrawnAt(f"{name}{seed}", seed, published) for seed in seeds)
    return DataSet(name, "validation", pairs)


@pytest.fixture(scope="module")
def held() -> tuple[CachedPair, ...]:
    """One photograph of a set with published fields of view, two of one without."""
    return cache_pairs(
        [data_set("with", [1], True), data_set("without", [2, 3], False)], HOW, HOW.size
    )


class Darkness(nn.Module):
    """Vessels are darker than what lies around them."""

    def forward(self, photo: Tensor) -> Tensor:
        green = photo[0, 1].numpy()
        return torch.from_numpy((cv2.GaussianBlur(green, (0, 0), 5) - green) * 60 - 1)[None, None]


def dice(item: CachedPair, threshold: float) -> float:
    """By the device's own steps."""
    photo = torch.from_numpy(item.ready.tensor).permute(0, 3, 1, 2).float() / 255
    probability = Darkness()(photo)[0, 0].sigmoid().numpy()
    frame = resize_to_photo(probability, item.ready.placement, item.found_fov)
    mask = np.where(frame >= threshold, np.uint8(255), np.uint8(0))
    return count_pixels(mask, item.truth, item.counted).dice


def test_dice_is_the_mean_over_sets_of_means_over_photographs(held: tuple[CachedPair, ...]) -> None:
    got = validate(Darkness(), held, HOW, torch.device("cpu"))
    scores = [dice(item, got.threshold) for item in held]
    assert got.per_set == pytest.approx({"with": scores[0], "without": (scores[1] + scores[2]) / 2})
    assert got.dice == pytest.approx(sum(got.per_set.values()) / 2)
    assert 0.15 < got.dice < 1
    iou = [score / (2 - score) for score in scores]
    assert got.iou == pytest.approx((iou[0] + (iou[1] + iou[2]) / 2) / 2)


def test_no_other_threshold_is_better(held: tuple[CachedPair, ...]) -> None:
    got = validate(Darkness(), held, HOW, torch.device("cpu"))
    assert 0 < got.threshold < 1
    for other in np.linspace(0.02, 0.98, 13):
        scores = [dice(item, other) for item in held]
        assert (scores[0] + (scores[1] + scores[2]) / 2) / 2 <= got.dice + 1e-9


def test_holding_keeps_published_fields_of_view_only(held: tuple[CachedPair, ...]) -> None:
    assert [item.counted is not None for item in held] == [True, False, False]
    assert all(
        item.found_fov.any() and item.ready.tensor.shape == (1, 160, 160, 3) for item in held
    )


def test_photographs_are_held_at_the_size_asked_for() -> None:
    (item,) = cache_pairs([data_set("with", [1], True)], HOW, 96)
    assert item.ready.inside.shape == (96, 96)


def test_normalising_is_what_the_record_says() -> None:
    how = replace(preprocessing_preset("reference"), mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0))
    got = normalise(torch.ones(2, 3, 4, 5), how)
    assert got[0, :, 0, 0].tolist() == [1.0, 3.0, 0.5]
