"""Command-line options that describe a checkpoint."""

from collections.abc import Callable
from functools import wraps
from typing import get_args

import click

from edgeseg.preprocessing.config import SIZE_RANGE
from edgeseg_export.input_channels import InputChannels
from edgeseg_export.source import SourceOptions

OPTIONS = (
    click.option(
        "--arch",
        metavar="NAME|module:factory|file.py:factory",
        help="Architecture of a bare state dict: a name, or a function without arguments that "
        "returns a torch.nn.Module.",
    ),
    click.option(
        "--preprocessing",
        metavar="NAME|FILE.toml",
        help="Preprocessing for a bare state dict: edge, reference, or a TOML file.",
    ),
    click.option(
        "--input-channels",
        type=click.Choice(get_args(InputChannels)),
        help="Input channels of the network, for a bare state dict.  [default: rgb]",
    ),
    click.option(
        "--output",
        metavar="[OUTPUT:]logit|probability|softmax[:CHANNEL]",
        help="Network output with the vessel map, for a bare state dict. OUTPUT is an index (-1 is "
        "the last output), or a name such as out. CHANNEL is the vessel class. Example: "
        "0:softmax:1.  [default: logit, if the network has one output map]",
    ),
    click.option(
        "--weights",
        metavar="KEYS",
        help="Set of weights to convert, if several sets fit: keys in the checkpoint, joined by "
        "'/'. The error message lists the sets.",
    ),
    click.option(
        "--ignore-keys",
        "ignored_keys",
        multiple=True,
        metavar="PATTERN",
        help="Keys in the checkpoint that the network does not use, such as 'aux*'. Repeatable.",
    ),
    click.option(
        "--size", type=click.IntRange(*SIZE_RANGE), metavar="N", help="Working size in pixels."
    ),
)


def source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that describe a checkpoint. The command receives them as `source_choices`."""

    @wraps(command)
    def collect(
        *,
        arch: str | None,
        preprocessing: str | None,
        input_channels: InputChannels | None,
        output: str | None,
        weights: str | None,
        ignored_keys: tuple[str, ...],
        size: int | None,
        **others: object,
    ) -> None:
        choices = SourceOptions(
            arch, preprocessing, size, output, input_channels, weights, ignored_keys
        )
        command(source_choices=choices, **others)

    for option in reversed(OPTIONS):
        collect = option(collect)
    return collect
