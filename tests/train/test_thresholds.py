"""What validation photographs choose at the end of a run."""

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
from edgeseg_train.validation.validate import cache_pairs

DRAWN = DataSet("drawn", "validation", (SyntheticPair("one", "validation", 3),))
HOW, TINY = preprocessing_preset("edge", 96), architecture_by_name("tiny")


def checkpoint(seed: int) -> Checkpoint:
    torch.manual_seed(seed)
    sizes = (WorkingSize("default", 96), WorkingSize("detail", 128))
    return Checkpoint(TINY, build_network(TINY).state_dict(), HOW, sizes, ())


def chosen(trained: Checkpoint, start: Mapping[str, Tensor] | None) -> Checkpoint:
    return select_best(trained, start, [DRAWN], cache_pairs([DRAWN], HOW, 96))


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return all(torch.allclose(one[name].float(), other[name].float(), atol=1e-6) for name in one)


def test_a_threshold_serves_both(capsys: pytest.CaptureFixture[str]) -> None:
    best = chosen(trained := checkpoint(0), None)
    assert same(best.weights, trained.weights)
    told = capsys.readouterr().err
    for size in best.sizes:
        found = best.evidence[size.name]
        assert set(found) == {"mean", "drawn", "drawn at 565"}
        assert found["mean"] == pytest.approx((found["drawn"] + found["drawn at 565"]) / 2)
        assert f"{size.name} {size.size}: threshold {size.threshold:.3f}" in told


def test_of_the_way_from_other_weights_the_best_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    trained, start = checkpoint(1), checkpoint(2).weights
    best = chosen(trained, start)
    told = re.findall(
        r"(\d+)% of the way from --start: .* default (\d\.\d+), detail (\d\.\d+)",
        capsys.readouterr().err,
    )
    means = {
        int(share) / 100: (float(default) + float(detail)) / 2 for share, default, detail in told
    }
    assert list(means) == list(INTERPOLATION_WEIGHTS)
    assert len(set(means.values())) > 1
    winner = max(means, key=means.__getitem__)
    assert same(best.weights, interpolate_weights(trained, start, winner).weights)
    assert sum(found["mean"] for found in best.evidence.values()) / 2 == pytest.approx(
        means[winner], abs=1e-4
    )


def test_the_way_leads_from_the_one_to_the_other() -> None:
    trained, start = checkpoint(1), checkpoint(2).weights
    assert same(interpolate_weights(trained, start, 0).weights, start)
    assert same(interpolate_weights(trained, start, 1).weights, trained.weights)
    half = interpolate_weights(trained, start, 0.5).weights
    name = "output.0.weight"
    assert torch.allclose(half[name], (start[name] + trained.weights[name]) / 2)
