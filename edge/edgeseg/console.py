"""What the tables share that people read."""

from __future__ import annotations

import json

import click
import msgspec
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

_ENDLESS = 10_000  # letters a line: no line is broken


def print_table(*renderables: RenderableType) -> None:
    """Print to standard output, one below the other: fitted to a terminal, in a pipe with no line (no path) broken."""
    console = Console()
    if console.is_terminal:
        console.print(*renderables, sep="\n")
        return
    wide = Console(width=_ENDLESS, color_system=None)
    with wide.capture() as captured:
        wide.print(*renderables, sep="\n")
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def narrow_table(title: str) -> Table:
    """Narrow enough for 80 letters a line."""
    return Table(
        title=safe_text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        show_edge=False, pad_edge=False, collapse_padding=True,
    )  # fmt: skip


def safe_text(text: str) -> Text:
    """Text from a file, to be shown in a terminal: neither markup nor the terminal's control sequences work in it."""
    return Text(
        "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    )


def print_json(value: object) -> None:
    """Print a value as indented JSON to standard output."""
    try:
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except UnicodeEncodeError:  # a file name that is not valid UTF-8: escape it
        text = json.dumps(value, indent=2)
    click.echo(text)
