"""`edgeseg info`: the metadata of a model file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from edgeseg.commands.options import json_option
from edgeseg.console import print_line
from edgeseg.errors import ModelError

if TYPE_CHECKING:
    from edgeseg.models.card import ModelCard
    from edgeseg.models.catalog import ModelFile

DEVELOPERS_NOTE = "understood to be CC BY 4.0, to be confirmed at the source before a release"


@click.command()
@click.argument("file")
@click.option(
    "--verify",
    is_flag=True,
    help="Verify the checksum. The exit code is 6 if the checksum does not match or is missing.",
)
@json_option
def info(file: str, verify: bool, as_json: bool) -> None:
    """Show a model file's metadata.

    FILE is a model file or the name of a shipped model, such as default. For a name, the file that
    `edgeseg run` selects on this device is shown.
    """
    from edgeseg.console import facts_table, print_json, print_table
    from edgeseg.models.selection import select_file

    model = select_file(file)
    if verify:
        _verify_checksum(model)
    model = model._replace(card=_without_notes(model.card))
    if as_json:
        card = model.card.to_dict()
        print_json({"file": str(model.path), "file_bytes": model.path.stat().st_size} | card)
    else:
        reason = "" if model.path == Path(file) else f"; {model.reason}"
        print_table(facts_table(*_list_facts(model, reason)))


def _verify_checksum(model: ModelFile) -> None:
    """Verify the checksum of a model file.

    Raises:
        ModelError: The file is damaged or contains no checksum.
    """
    from edgeseg.models.loaded_file import load_file

    if not load_file(model.path).has_checksum:
        raise ModelError(f"{model.path}: contains no checksum to verify. Convert the model again.")
    print_line(f"edgeseg: {model.path}: the checksum matches", err=True)


def _without_notes(card: ModelCard) -> ModelCard:
    """Return a card without the note for developers in the shipped files.

    The note cannot be removed from the files without training a new checkpoint.
    """
    licences = []
    for data in card.training_data:
        licence = data.licence.replace(DEVELOPERS_NOTE, "CC BY 4.0, not confirmed by the authors")
        licences.append(replace(data, licence=licence))
    return card._replace(training_data=tuple(licences))


def _list_facts(model: ModelFile, reason: str) -> Iterator[tuple[str, str]]:
    """List headings and values of a model file.

    Args:
        model: model file.
        reason: reason for selecting this file of a shipped model; empty if the user specified a
            file.
    """
    card = model.card
    preprocessing = [f"{key} = {value}" for key, value in card.preprocessing.to_dict().items()]
    megabytes = model.path.stat().st_size / 1e6
    yield "file", f"{model.path} ({megabytes:.2f} MB{reason})"
    yield "name", card.name
    yield "architecture", card.architecture
    yield "parameters", f"{card.parameters:,}"
    unknown = "unknown (cannot be counted or depends on the input size)"
    yield "GMAC", unknown if card.gmac is None else f"{card.gmac:g} per image"
    slower = ", slower than FP32" if card.int8_slower else ""
    yield "precision", f"{card.precision} (computes in {card.compute}{slower})"
    yield "input", f"{card.preprocessing.size}x{card.preprocessing.size} pixels"
    if card.input_channels:
        yield "input channels", card.input_channels
    if card.output:
        yield "network output", card.output
    yield "preprocessing", ", ".join(preprocessing)
    yield "threshold", f"{card.threshold:.4g}"
    for data in card.training_data:
        yield "training data", f"{data.name}: {data.photographs} photographs, {data.licence}"
    for data_set, dice in card.evidence.items():
        yield "Dice", f"{data_set}: {dice:.4f}"
    yield "checkpoint", f"SHA-256 {card.checkpoint_sha256}"
