"""What the tables for a terminal share."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text


def narrow_table(title: str) -> Table:
    """Narrow enough for 80 letters a line."""
    return Table(
        title=printable(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        show_edge=False, pad_edge=False, collapse_padding=True,
    )  # fmt: skip


def printable(text: str) -> Text:
    """Text from a file, to be shown in a terminal: neither markup nor the terminal's control sequences work in it."""
    return Text("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))
