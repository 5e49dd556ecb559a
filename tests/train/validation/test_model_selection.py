"""Selection of weights and thresholds after training."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from edgeseg.datasets import DataSet
from edgeseg.datasets.synthetic_pairs import SyntheticPair
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_train.checkpoint import Checkpoint, WorkingSize
from edgeseg_train.network.resunet import architecture_by_name, build_network
from edgeseg_train.validation.model_selection import (
    INTERPOLATION_WEIGHTS,
    interpolate_weights,
    select_best,
)
from edgeseg_train.validation.validator import cache_pairs

SYNTHETIC = DataSet("synthetic", "validation", (SyntheticPair("one", "validation", 3),))
CONFIG, TINY = preprocessing_preset("edge", 96), architecture_by_name("tiny")


def checkpoint(seed: int) -> Checkpoint:
    torch.manual_seed(seed)
    sizes = (WorkingSize("default", 96), WorkingSize("detail", 128))
    return Checkpoint(TINY, build_network(TINY).state_dict(), CONFIG, sizes, ())


def select(trained: Checkpoint, start: Mapping[str, Tensor] | None) -> Checkpoint:
    pairs = cache_pairs([SYNTHETIC], CONFIG, 96)
    return select_best(trained, start, [SYNTHETIC], pairs, torch.device("cpu"))


def weights_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return all(torch.allclose(one[name].float(), other[name].float(), atol=1e-6) for name in one)


@pytest.mark.slow
def test_select_best_without_start_scores_original_and_low_resolution(
    capsys: pytest.CaptureFixture[str],
) -> None:
    best = select(trained := checkpoint(0), None)
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


def test_interpolate_weights_reaches_both_ends() -> None:
    trained, start = checkpoint(1), checkpoint(2).weights
    assert weights_equal(interpolate_weights(trained, start, 0).weights, start)
    assert weights_equal(interpolate_weights(trained, start, 1).weights, trained.weights)
    half = interpolate_weights(trained, start, 0.5).weights
    name = "output.0.weight"
    assert torch.allclose(half[name], (start[name] + trained.weights[name]) / 2)
