"""Selection of weights and thresholds on validation photographs after the last step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter

import click
import numpy as np
import torch
from torch import Tensor

from edgeseg.datasets import DataSet
from edgeseg_train.checkpoint import Checkpoint
from edgeseg_train.data.low_resolution import reduce_data_sets
from edgeseg_train.training.compute import CPU
from edgeseg_train.validation.validator import CachedPair, cache_pairs, validate_network

# Weights of the trained network in the interpolation with the weights of `--start`.
# The mean of both often generalises better to other cameras than either (WiSE-FT; Wortsman et al.
# 2022, "Robust fine-tuning of zero-shot models"). 0 keeps the weights of `--start`.
INTERPOLATION_WEIGHTS = (1.0, 0.75, 0.5, 0.25, 0.0)


def select_best(
    trained: Checkpoint,
    start_weights: Mapping[str, Tensor] | None,
    validation: list[DataSet],
    first_pairs: Sequence[CachedPair],
    device: torch.device = CPU,
) -> Checkpoint:
    """Select the weights and a threshold for each working size; print the validation Dice.

    Args:
        trained: checkpoint with the best weights of the run.
        start_weights: weights that the run started from; None for random weights.
        validation: validation data sets.
        first_pairs: validation photographs at the first working size.
        device: device for the network.

    Returns:
        The checkpoint with the best interpolated weights, thresholds and validation Dice.
    """
    pairs = _cache_all_sizes(trained, validation, first_pairs)
    if start_weights is None:
        best = choose_thresholds(trained, pairs, device)
    else:
        best = _select_interpolation(trained, start_weights, pairs, device)
    for size in best.sizes:
        scores = best.evidence[size.name]
        per_set = _format_scores({key: dice for key, dice in scores.items() if key != "mean"})
        click.echo(
            f"{size.name} ({size.size} pixels): threshold {size.threshold:.3f}, "
            f"validation Dice {scores['mean']:.4f} ({per_set})",
            err=True,
        )
    return best


def _select_interpolation(
    trained: Checkpoint,
    start_weights: Mapping[str, Tensor],
    pairs: Sequence[Sequence[CachedPair]],
    device: torch.device,
) -> Checkpoint:
    click.echo("Validation Dice of interpolated weights:", err=True)
    candidates = []
    for share in INTERPOLATION_WEIGHTS:
        interpolated = interpolate_weights(trained, start_weights, share)
        candidate = choose_thresholds(interpolated, pairs, device)
        means = {name: scores["mean"] for name, scores in candidate.evidence.items()}
        click.echo(f"{share:.0%} trained weights: {_format_scores(means)}", err=True)
        candidates.append((float(np.mean(list(means.values()))), share, candidate))
    _, share, best = max(candidates, key=itemgetter(0))
    click.echo(
        f"Selected: {share:.0%} trained weights and {1 - share:.0%} weights of --start.", err=True
    )
    return best


def interpolate_weights(
    trained: Checkpoint, start_weights: Mapping[str, Tensor], share: float
) -> Checkpoint:
    """Interpolate linearly between start weights (share 0) and trained weights (share 1)."""
    weights = dict(trained.weights)
    for name, weight in trained.weights.items():
        if weight.is_floating_point():
            weights[name] = torch.lerp(start_weights[name], weight, share)
    return replace(trained, weights=weights)


def choose_thresholds(
    checkpoint: Checkpoint, pairs: Sequence[Sequence[CachedPair]], device: torch.device = CPU
) -> Checkpoint:
    """Choose the threshold with the best validation Dice for each working size.

    Args:
        checkpoint: checkpoint to validate.
        pairs: photographs for each working size of the checkpoint.
        device: device for the network.

    Returns:
        The checkpoint with thresholds and validation Dice.
    """
    network = checkpoint.network().to(device)
    sizes = []
    evidence = {}
    for size, size_pairs in zip(checkpoint.sizes, pairs, strict=True):
        scores = validate_network(network, size_pairs, checkpoint.preprocessing, device)
        sizes.append(replace(size, threshold=scores.threshold))
        evidence[size.name] = {"mean": scores.dice, **scores.per_set}
    return replace(checkpoint, sizes=tuple(sizes), evidence=evidence)


def _cache_all_sizes(
    checkpoint: Checkpoint, validation: list[DataSet], first_pairs: Sequence[CachedPair]
) -> list[Sequence[CachedPair]]:
    """Cache original and low-resolution photographs at each working size.

    Observers mark more on low-resolution photographs. A threshold chosen on the originals alone
    misses thin vessels of such cameras.
    """
    config = checkpoint.preprocessing
    low_resolution = reduce_data_sets(validation)
    pairs: list[Sequence[CachedPair]] = []
    for size in checkpoint.sizes:
        originals = first_pairs if not pairs else cache_pairs(validation, config, size.size)
        pairs.append((*originals, *cache_pairs(low_resolution, config, size.size)))
    return pairs


def _format_scores(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {dice:.4f}" for name, dice in scores.items())
