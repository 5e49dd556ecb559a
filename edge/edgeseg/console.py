"""Printing of tables and JSON to standard output."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import click
import msgspec

from edgeseg.errors import escape_text

if TYPE_CHECKING:  # `edgeseg run` starts without rich
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_UNLIMITED_WIDTH = 10_000

ShowProgress: TypeAlias = Callable[[str], None]
"""Callback that gets a short description of the current step."""


@contextmanager
def show_status() -> Iterator[ShowProgress]:
    """Yield a function that shows the current step if standard error is a terminal."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("starting") as status:
        yield lambda step: status.update(safe_text(step))


def print_table(*renderables: RenderableType) -> None:
    """Print rich renderables one below the other, wrapped to the width of a terminal.

    Output to a pipe is not wrapped, because a line break would split long paths.
    """
    from rich.console import Console  # noqa: PLC0415

    console = Console()
    if console.is_terminal:
        console.print(*renderables, sep="\n")
        return
    wide = Console(width=_UNLIMITED_WIDTH, color_system=None)
    with wide.capture() as captured:
        wide.print(*renderables, sep="\n")
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def narrow_table(title: str) -> Table:
    """Return an empty table with a maximum width of 80 columns."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    return Table(
        title=safe_text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        show_edge=False, pad_edge=False, collapse_padding=True,
    )  # fmt: skip


def facts_table(*facts: tuple[str, str]) -> Table:
    """Return a table with a column of headings and a column of untrusted texts."""
    from rich.table import Table  # noqa: PLC0415

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for heading, text in facts:
        table.add_row(heading, safe_text(text))
    return table


def safe_text(text: str) -> Text:
    """Return untrusted text for a table. Markup is not interpreted. `escape_text` is applied."""
    from rich.text import Text  # noqa: PLC0415

    return Text(escape_text(text))


def print_line(text: object, err: bool = False) -> None:
    """Print one line. Text from files is escaped with `escape_text`."""
    click.echo(escape_text(str(text)), err=err)


def print_json(value: object) -> None:
    """Print a value as indented JSON to standard output."""
    try:
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except UnicodeEncodeError:  # escape file names that are not valid UTF-8
        text = json.dumps(msgspec.to_builtins(value), indent=2)
    click.echo(text)


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: `1 thread`, `4 threads`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
