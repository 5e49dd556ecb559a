"""What validation photographs choose once training is done: how far to go from `--start`, and the thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import click
import numpy as np
import torch
from torch import Tensor

from edgeseg.datasets import DataSet
from edgeseg_train.checkpoint import Checkpoint, WorkingSize
from edgeseg_train.data.low_resolution import at_low_resolution
from edgeseg_train.training.compute import CPU
from edgeseg_train.validation.validate import CachedPair, cache_pairs, validate

INTERPOLATION_WEIGHTS = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Shares of the way from the weights of `--start` to the trained ones; a run may make nothing better than it had.

The mean of both generalises to cameras that neither saw, and often does better on all (Wortsman et al. 2022, "Robust
fine-tuning of zero-shot models").
"""


def select_best(
    trained: Checkpoint,
    start: Mapping[str, Tensor] | None,
    validation: list[DataSet],
    first: Sequence[CachedPair],
    device: torch.device = CPU,
) -> Checkpoint:
    """The checkpoint with its thresholds; where it started from other weights, the best on the way from them.

    Args:
        trained: the best of the run.
        start: the weights that it started from.
        validation: the photographs, on which all is chosen.
        first: the same at the first working size, in memory already.
        device: computes.
    """
    held = _held(trained, validation, first)
    if start is None:
        best = choose_thresholds(trained, held, device)
    else:
        found = [
            choose_thresholds(interpolate_weights(trained, start, share), held, device)
            for share in INTERPOLATION_WEIGHTS
        ]
        for share, candidate in zip(INTERPOLATION_WEIGHTS, found, strict=True):
            dice = ", ".join(
                f"{name} {seen['mean']:.4f}" for name, seen in candidate.evidence.items()
            )
            click.echo(f"{share:.0%} of the way from --start: validation Dice {dice}", err=True)
        kept, best = max(
            zip(INTERPOLATION_WEIGHTS, found, strict=True), key=lambda way: _mean(way[1])
        )
        click.echo(
            f"kept: {kept:.0%} of the way" if kept else "kept: those of --start; none was better",
            err=True,
        )
    for size in best.sizes:
        _tell_size(size, best.evidence[size.name])
    return best


def interpolate_weights(
    trained: Checkpoint, start: Mapping[str, Tensor], share: float
) -> Checkpoint:
    """The checkpoint with weights at `share` (0 to 1) of the way from `start`."""
    weights = {name: torch.lerp(start[name], w, share) if w.is_floating_point() else w
               for name, w in trained.weights.items()}  # fmt: skip
    return replace(trained, weights=weights)


def choose_thresholds(
    checkpoint: Checkpoint, held: Sequence[Sequence[CachedPair]], device: torch.device = CPU
) -> Checkpoint:
    """A threshold for each working size, chosen on validation photographs with the checkpoint's own weights.

    Args:
        checkpoint: whose thresholds.
        held: the photographs at each of its working sizes.
        device: computes.
    """
    network = checkpoint.network().to(device)
    sizes, evidence = [], {}
    for size, of_size in zip(checkpoint.sizes, held, strict=True):
        verdict = validate(network, of_size, checkpoint.preprocessing, device)
        sizes.append(replace(size, threshold=verdict.threshold))
        evidence[size.name] = {"mean": verdict.dice, **verdict.per_set}
    return replace(checkpoint, sizes=tuple(sizes), evidence=evidence)


def _held(
    checkpoint: Checkpoint, validation: list[DataSet], first: Sequence[CachedPair]
) -> list[Sequence[CachedPair]]:
    """Each photograph as it is and as from a camera of few pixels, whose observers mark more.

    A threshold that serves only the first misses thin vessels with such cameras.
    """
    how, others = checkpoint.preprocessing, checkpoint.sizes[1:]
    as_they_are = [first, *(cache_pairs(validation, how, size.size) for size in others)]
    coarse = at_low_resolution(validation)
    return [
        (*plain, *cache_pairs(coarse, how, size.size))
        for plain, size in zip(as_they_are, checkpoint.sizes, strict=True)
    ]


def _mean(checkpoint: Checkpoint) -> float:
    return float(np.mean([found["mean"] for found in checkpoint.evidence.values()]))


def _tell_size(size: WorkingSize, found: Mapping[str, float]) -> None:
    per_set = ", ".join(f"{name} {dice:.4f}" for name, dice in found.items() if name != "mean")
    said = f"threshold {size.threshold:.3f}, validation Dice {found['mean']:.4f} ({per_set})"
    click.echo(f"{size.name} {size.size}: {said}", err=True)
