"""`edgeseg info`: what a model file says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgeseg.models.card import ModelCard
    from edgeseg.models.catalog import ModelFile


@click.command()
@click.argument("file")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object on standard output, and nothing else there.",
)
def info(file: str, as_json: bool) -> None:
    """Show what a model says of itself; FILE is a model file or a shipped name.

    Of a shipped name, the file that `edgeseg run` would take on this machine.
    """
    from edgeseg.device import cpu
    from edgeseg.models.catalog import resolve_model

    model = resolve_model(file, "auto", cpu.cpu_features())
    if as_json:
        click.echo(json.dumps(_to_dict(model), indent=2, allow_nan=False))
    else:
        _print(model)


def _to_dict(model: ModelFile) -> dict[str, object]:
    return {
        "file": str(model.path),
        "file_bytes": model.path.stat().st_size,
        **model.card.to_dict(),
    }


def _print(model: ModelFile) -> None:
    from rich.table import Table

    from edgeseg.console import print_table, safe_text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(
        "file",
        safe_text(f"{model.path} ({model.path.stat().st_size / 1e6:.2f} MB; {model.reason})"),
    )
    for heading, text in _rows(model.card):
        table.add_row(heading, safe_text(text))
    print_table(table)


def _rows(card: ModelCard) -> Iterator[tuple[str, str]]:
    yield "name", card.name
    yield "architecture", card.architecture
    yield "parameters", f"{card.parameters:,}"
    yield (
        "GMAC",
        "depends on the photograph's size"
        if card.gmac is None
        else f"{card.gmac:g} for one photograph",
    )
    yield "precision", f"{card.precision} (computes in {card.compute})"
    yield "input", f"{card.preprocessing.size}x{card.preprocessing.size} pixels"
    yield (
        "preprocessing",
        ", ".join(f"{key} = {value}" for key, value in card.preprocessing.to_dict().items()),
    )
    yield "threshold", f"{card.threshold:.4g}"
    for data in card.training_data:
        yield "trained on", f"{data.name}: {data.photographs} photographs, {data.licence}"
    for where, dice in card.evidence.items():
        yield "Dice", f"{where}: {dice:.4f}"
    yield "checkpoint", f"SHA-256 {card.checkpoint_sha256}"
