"""The threshold of each working size, once training is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click
import torch

from edgeseg.datasets import DataSet
from edgeseg_train.checkpoint import Checkpoint, WorkingSize
from edgeseg_train.low_resolution import at_low_resolution
from edgeseg_train.validate import Held, Validation, hold, validate


def choose_thresholds(checkpoint: Checkpoint, validation: list[DataSet], first: Sequence[Held]) -> Checkpoint:
    """A threshold for each working size, chosen on validation photographs with the checkpoint's own weights.

    Each photograph counts as it is and as from a camera of few pixels, whose observers mark more: a threshold that
    serves only the first misses thin vessels with such cameras.

    Args:
        checkpoint: whose thresholds.
        validation: the photographs.
        first: the same at the first working size, in memory already.
    """
    network = checkpoint.network()
    sizes, evidence = [], {}
    for number, size in enumerate(checkpoint.sizes):
        held = first if number == 0 else hold(validation, checkpoint.preprocessing, size.size)
        held = (*held, *hold(at_low_resolution(validation), checkpoint.preprocessing, size.size))
        verdict = validate(network, held, checkpoint.preprocessing, torch.device("cpu"))
        _tell_size(size, verdict)
        sizes.append(replace(size, threshold=verdict.threshold))
        evidence[size.name] = {"mean": verdict.dice, **verdict.per_set}
    return replace(checkpoint, sizes=tuple(sizes), evidence=evidence)


def _tell_size(size: WorkingSize, verdict: Validation) -> None:
    per_set = ", ".join(f"{name} {dice:.4f}" for name, dice in verdict.per_set.items())
    found = f"threshold {verdict.threshold:.3f}, validation Dice {verdict.dice:.4f} ({per_set})"
    click.echo(f"{size.name} {size.size}: {found}", err=True)
