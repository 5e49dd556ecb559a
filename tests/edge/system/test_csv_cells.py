"""Cells of CSV files."""

from __future__ import annotations

import pytest

from edgeseg.system.csv_cells import protect_cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_protect_cell_prefixes_text_that_begins_like_a_formula(text: str) -> None:
    assert protect_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", [-1, -0.5, None, True, "", "lean", "a=b", "'quoted"])
def test_protect_cell_keeps_numbers_and_other_text(value: object) -> None:
    assert protect_cell(value) is value
