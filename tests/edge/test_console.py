"""Printing of tables and JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from edgeseg.commands.doctor.runtime_checks import RuntimeCheck
from edgeseg.console import (
    facts_table,
    plural,
    print_json,
    print_line,
    print_table,
    safe_text,
)
from edgeseg.errors import MAX_TEXT, escape_text, one_line


@given(st.text())
def test_safe_text_is_printable_and_keeps_printable_text(text: str) -> None:
    shown = safe_text(text).plain
    assert shown.isprintable()
    assert len(shown) >= min(len(text), MAX_TEXT)
    assert not text.isprintable() or "::" in text or "##" in text or shown == text


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
    assert capsys.readouterr().out == "name  [red]eye\\x1b[2J\n"


@pytest.mark.parametrize("name", ["auge.png", "œil.png", "\udcff.png"])
def test_print_json_accepts_any_file_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"source": name, "dice": 0.1})
    assert json.loads(capsys.readouterr().out) == {"source": name, "dice": 0.1}


def test_print_json_accepts_any_file_name_beside_a_struct(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"file": "\udcff.onnx", "runtimes": [RuntimeCheck("onnxruntime", True, "")]})
    values = json.loads(capsys.readouterr().out)
    assert values["file"] == "\udcff.onnx"
    assert values["runtimes"][0]["name"] == "onnxruntime"


def test_plural_of_one_and_many() -> None:
    assert (plural(1, "thread"), plural(2, "thread")) == ("1 thread", "2 threads")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("\x1b]52;c;aGk=\x07", r"\x1b]52;c;aGk=\x07"),
        ("a\r\nb", r"a\r\nb"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066a\u2069", r"\u2066a\u2069"),
        ("a\u2028b", r"a\u2028b"),
        ("\udcff.png", r"\udcff.png"),
        ("\U000e0041", r"\U000e0041"),
        ("::error::x", r"\x3a:error::x"),
        ("  ::error::x", r"  \x3a:error::x"),
        ("a ##[error]x", r"a \x23#[error]x"),
        ("##vso[task", r"\x23#vso[task"),
        ("œil ::a.png", "œil ::a.png"),
    ],
)
def test_escape_text_escapes_unprintable_text(text: str, escaped: str) -> None:
    assert escape_text(text) == escaped
    assert safe_text(text).plain == escaped
    assert one_line(ValueError("x" + text)).isprintable()


def test_escape_text_cuts_the_middle_of_a_long_text() -> None:
    text = escape_text("eye.pt: format " + "9" * 1_000_000 + ". Convert it again.")
    assert len(text) == MAX_TEXT
    assert text.startswith("eye.pt: format 9") and text.endswith("9. Convert it again.")


@pytest.mark.parametrize("err", [False, True])
def test_print_line_prints_one_line(err: bool, capsys: pytest.CaptureFixture[str]) -> None:
    print_line("::error::a\nb", err=err)
    captured = capsys.readouterr()
    assert (captured.err if err else captured.out) == "\\x3a:error::a\\nb\n"
