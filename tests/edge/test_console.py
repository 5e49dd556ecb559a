"""Printing of tables and JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from edgeseg.console import facts_table, plural, print_json, print_table, safe_text


@given(st.text())
def test_safe_text_is_printable_and_keeps_printable_text(text: str) -> None:
    shown = safe_text(text).plain
    assert shown.isprintable()
    assert len(shown) == len(text)
    assert not text.isprintable() or shown == text


def test_print_table_into_pipe_wraps_no_line_and_has_no_trailing_blanks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = Table.grid(padding=(0, 2))
    path = "/a/long/path/of/many/letters" * 20
    table.add_row("file", path)
    table.add_row("name", "lean")
    print_table(table, Text("below"))
    assert capsys.readouterr().out == f"file  {path}\nname  lean\nbelow\n"


def test_facts_table_prints_control_characters_and_markup_literally(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(facts_table(("name", "[red]eye\x1b[2J")))
    assert capsys.readouterr().out == "name  [red]eye\N{REPLACEMENT CHARACTER}[2J\n"


@pytest.mark.parametrize("name", ["auge.png", "œil.png", "\udcff.png"])
def test_print_json_accepts_any_file_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"source": name, "dice": 0.1})
    assert json.loads(capsys.readouterr().out) == {"source": name, "dice": 0.1}


def test_plural_of_one_and_many() -> None:
    assert (plural(1, "thread"), plural(2, "thread")) == ("1 thread", "2 threads")
