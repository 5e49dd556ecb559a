"""Printing to a terminal and to a pipe."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from edgeseg.console import print_json, print_table, safe_text


@given(st.text())
def test_safe_text_is_printable_and_keeps_printable_text(text: str) -> None:
    shown = safe_text(text).plain
    assert shown.isprintable()
    assert len(shown) == len(text)
    if text.isprintable():
        assert shown == text


def test_print_table_in_a_pipe_keeps_long_lines_and_strips_trailing_blanks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = Table.grid(padding=(0, 2))
    path = "/a/long/path/of/many/letters" * 20
    table.add_row("file", path)
    table.add_row("name", "lean")
    print_table(table, Text("below"))
    assert capsys.readouterr().out == f"file  {path}\nname  lean\nbelow\n"


@pytest.mark.parametrize("name", ["eye", "œil", "invalid\udcff"])
def test_print_json_prints_any_file_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": name, "dice": 0.1 + 0.2})
    output = capsys.readouterr().out
    assert json.loads(output) == {"name": name, "dice": 0.1 + 0.2}
    assert output.startswith('{\n  "name"')
