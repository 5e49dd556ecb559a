"""Summary of the photographs of a training run, printed before the first step."""

from collections.abc import Sequence

import click

from edgeseg.console import print_line
from edgeseg_train.data.photo_store import PhotoStore
from edgeseg_train.training.compute import ComputeMode
from edgeseg_train.validation import CachedPair


def print_data_summary(
    photographs: PhotoStore, validation: Sequence[CachedPair], device: str, mode: ComputeMode
) -> None:
    """Print notes about masks, the numbers of photographs, and the device to standard error.

    Args:
        photographs: training photographs.
        validation: validation photographs.
        device: name of the training device.
        mode: compute mode.
    """
    notes = photographs.notes.union(*[pair.notes for pair in validation])
    for note in sorted(notes):
        print_line(note, err=True)
    click.echo(
        f"Photographs: {len(photographs)} for training, {len(validation)} for validation. "
        f"Device: {device}, {mode.name}.",
        err=True,
    )
