"""Validation with the scores of `evaluate`, and selection of weights and thresholds."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgeseg.datasets import DataSet, LoadedPair, Pair, Split
from edgeseg.datasets.synthetic_pairs import SyntheticPair
from edgeseg.evaluation.metrics import count_pixels
from edgeseg.postprocess import resize_to_photo
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg.synthetic import generate_photo
from edgeseg_train.checkpoint import Checkpoint, WorkingSize
from edgeseg_train.network.resunet import architecture_by_name, build_network
from edgeseg_train.training.losses import LossWeights
from edgeseg_train.validation import (
    INTERPOLATION_WEIGHTS,
    CachedPair,
    cache_pairs,
    interpolate_weights,
    select_best,
    validate_network,
)

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
    """Network that marks pixels darker than their surroundings."""

    def forward(self, photo: Tensor) -> Tensor:
        green = photo[0, 1].numpy()
        return torch.from_numpy((cv2.GaussianBlur(green, (0, 0), 5) - green) * 60 - 1)[None, None]


def dice(pair: CachedPair, threshold: float) -> float:
    """Compute the Dice with the same steps as on the device."""
    photo = torch.from_numpy(pair.prepared.tensor).permute(0, 3, 1, 2).float() / 255
    probability = DarkVesselNetwork()(photo)[0, 0].sigmoid().numpy()
    frame = resize_to_photo(probability, pair.prepared.placement, pair.prepared.fov.mask)
    mask = np.where(frame >= threshold, np.uint8(255), np.uint8(0))
    return count_pixels(mask, pair.truth, pair.counted).dice


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


def test_validate_network_uses_loss_weights(cached_pairs: tuple[CachedPair, ...]) -> None:
    losses = []
    for weights in (LossWeights(1, 0, 0), LossWeights(0, 1, 0), LossWeights(2, 3, 0)):
        result = validate_network(
            DarkVesselNetwork(), cached_pairs[:1], CONFIG, torch.device("cpu"), weights
        )
        losses.append(result.loss)
    assert losses[2] == pytest.approx(2 * losses[0] + 3 * losses[1])
    assert losses[0] != pytest.approx(losses[1])


def test_cache_pairs_keeps_published_fields_of_view_only(
    cached_pairs: tuple[CachedPair, ...],
) -> None:
    assert [pair.counted is not None for pair in cached_pairs] == [True, False, False]
    assert all(
        pair.prepared.fov.mask.any() and pair.prepared.tensor.shape == (1, 160, 160, 3)
        for pair in cached_pairs
    )


def test_cache_pairs_uses_requested_size() -> None:
    (pair,) = cache_pairs([data_set("with", [1], True)], CONFIG, 96)
    assert pair.prepared.inside.shape == (96, 96)


SYNTHETIC = DataSet("synthetic", "validation", (SyntheticPair("one", "validation", 3),))
EDGE = preprocessing_preset("edge", 96)
TINY = architecture_by_name("tiny")


def checkpoint(seed: int) -> Checkpoint:
    torch.manual_seed(seed)
    sizes = (WorkingSize("default", 96), WorkingSize("detail", 128))
    return Checkpoint(TINY, build_network(TINY).state_dict(), EDGE, sizes, ())


def select(trained: Checkpoint, start: Mapping[str, Tensor] | None) -> Checkpoint:
    pairs = cache_pairs([SYNTHETIC], EDGE, 96)
    return select_best(trained, start, [SYNTHETIC], pairs, torch.device("cpu"))


def weights_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return all(torch.allclose(one[name].float(), other[name].float(), atol=1e-6) for name in one)


@pytest.mark.slow
def test_select_best_without_start_scores_original_and_low_resolution(
    capsys: pytest.CaptureFixture[str],
) -> None:
    trained = checkpoint(0)
    best = select(trained, None)
    assert weights_equal(best.weights, trained.weights)
    output = capsys.readouterr().err
    for size in best.sizes:
        scores = best.evidence[size.name]
        assert set(scores) == {"mean", "synthetic", "synthetic at 565"}
        assert scores["mean"] == pytest.approx(
            (scores["synthetic"] + scores["synthetic at 565"]) / 2
        )
        assert f"{size.name} ({size.size} pixels): threshold {size.threshold:.3f}" in output


@pytest.mark.slow
def test_select_best_with_start_keeps_best_interpolation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    trained, start = checkpoint(1), checkpoint(2).weights
    best = select(trained, start)
    output = re.findall(
        r"^(\d+)% trained weights: default (\d\.\d+), detail (\d\.\d+)$",
        capsys.readouterr().err,
        re.MULTILINE,
    )
    means = {
        int(share) / 100: (float(default) + float(detail)) / 2 for share, default, detail in output
    }
    assert list(means) == list(INTERPOLATION_WEIGHTS)
    assert len(set(means.values())) > 1
    winner = max(means, key=means.__getitem__)
    assert weights_equal(best.weights, interpolate_weights(trained, start, winner).weights)
    assert sum(scores["mean"] for scores in best.evidence.values()) / 2 == pytest.approx(
        means[winner], abs=1e-4
    )


def test_interpolate_weights_at_0_and_1_returns_given_weights() -> None:
    trained, start = checkpoint(1), checkpoint(2).weights
    assert weights_equal(interpolate_weights(trained, start, 0).weights, start)
    assert weights_equal(interpolate_weights(trained, start, 1).weights, trained.weights)
    half = interpolate_weights(trained, start, 0.5).weights
    name = "output.0.weight"
    assert torch.allclose(half[name], (start[name] + trained.weights[name]) / 2)
