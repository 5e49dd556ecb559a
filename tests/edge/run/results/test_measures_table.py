"""`measures.csv`: one row per field of view."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from edgeseg.errors import UsageError
from edgeseg.run.results.measures_table import MeasuresTable
from edgeseg.run.results.record import ResultFiles, ResultRecord

RecordMaker: TypeAlias = Callable[..., ResultRecord]


def test_measures_table_joins_lists_by_semicolons(tmp_path: Path, make_record: RecordMaker) -> None:
    table = MeasuresTable(tmp_path, micrometres=False, anatomical=False)
    table.add((make_record(), make_record(reasons=("ungradable", "several_fields"))))
    rows = read_rows(table)
    assert [row["reasons"] for row in rows] == ["", "ungradable;several_fields"]
    assert [row["warnings"] for row in rows] == ["", ""]


def read_rows(table: MeasuresTable) -> list[dict[str, str]]:
    with table.file.open(newline="") as file:
        return list(csv.DictReader(file))


def open_table(folder: Path, micrometres: bool = False) -> MeasuresTable:
    return MeasuresTable(folder, micrometres=micrometres, anatomical=False)


def test_measures_table_keeps_rows_of_other_images(
    tmp_path: Path, make_record: RecordMaker
) -> None:
    open_table(tmp_path).add(
        (make_record(source="a"), make_record(source="a", reasons=("ungradable",)))
    )
    open_table(tmp_path).add((make_record(source="b"),))
    table = open_table(tmp_path)
    table.add((make_record(source="a", reasons=("no_fundus",)),))
    found = [(row["source"], row["reasons"]) for row in read_rows(table)]
    assert found == [("a", "no_fundus"), ("b", "")]


def test_measures_table_replaces_rows_of_the_same_mask(
    tmp_path: Path, make_record: RecordMaker
) -> None:
    mask = ResultFiles(mask=str(tmp_path / "a_vessels.png"))
    for source in ("in/a.png", "./in/a.png"):
        table = open_table(tmp_path)
        table.add((make_record(source=source, files=mask),))
    assert [row["source"] for row in read_rows(table)] == ["./in/a.png"]


def test_measures_table_replaces_an_image_that_is_processed_twice(
    tmp_path: Path, make_record: RecordMaker
) -> None:
    table = open_table(tmp_path)
    for reason in ("ungradable", "no_fundus"):
        table.add((make_record(source="a", reasons=(reason,)),))
        table.add((make_record(source="b"),))
    found = [(row["source"], row["reasons"]) for row in read_rows(table)]
    assert found == [("a", "no_fundus"), ("b", "")]


def test_measures_table_is_unchanged_by_equal_rows(
    tmp_path: Path, make_record: RecordMaker
) -> None:
    sources = ("a", "b", "=c")
    table = open_table(tmp_path)
    for source in sources:
        table.add((make_record(source=source),))
    before = table.file.read_bytes()
    table.file.write_bytes(before[:-9])  # process killed while it wrote the last row
    table = open_table(tmp_path)
    assert len(read_rows(table)) == 2
    for source in sources:
        table.add((make_record(source=source),))
    assert table.file.read_bytes() == before


def test_measures_table_removes_all_frames_of_a_source(
    tmp_path: Path, make_record: RecordMaker
) -> None:
    table = open_table(tmp_path)
    for frame in (1, 2):
        table.add((make_record(source="=v", frame=frame),))
    table.add((make_record(source="b"),))
    table = open_table(tmp_path)
    table.remove_source("=v")
    assert [row["source"] for row in read_rows(table)] == ["b"]


def test_measures_table_adds_columns_to_earlier_rows(
    tmp_path: Path, make_record: RecordMaker
) -> None:
    open_table(tmp_path).add((make_record(source="a"),))
    open_table(tmp_path, micrometres=True).add((make_record(source="b"),))
    table = open_table(tmp_path)
    table.add((make_record(source="c"),))
    rows = read_rows(table)
    assert [(row["source"], row["width_mean_um"]) for row in rows] == [
        ("a", ""), ("b", ""), ("c", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"source,frame,age\na,1,5\n", b"source,frame,\xff\n"])
def test_measures_table_rejects_unknown_columns(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "measures.csv").write_bytes(content)
    with pytest.raises(UsageError):
        open_table(tmp_path)
    assert (tmp_path / "measures.csv").read_bytes() == content
