"""`measures.csv`: one row per field of view."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edgeseg.errors import UsageError
from edgeseg.run.results.measures_table import MeasuresTable
from edgeseg.run.results.record import CODES, Code, ResultFiles, ResultRecord
from edgeseg.system.shared_file import SharedFile

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


def test_measures_table_of_two_processes_has_each_image_once(
    tmp_path: Path, make_record: RecordMaker
) -> None:
    tables = open_table(tmp_path), open_table(tmp_path)
    for source in ("a", "b", "c"):
        for table in tables:
            table.add((make_record(source=source),))
    tables[0].add((make_record(source="d", um_per_px=5.0),))  # adds columns
    tables[1].add((make_record(source="e"),))
    rows = read_rows(tables[0])
    assert [row["source"] for row in rows] == ["a", "b", "c", "d", "e"]
    assert [row["um_per_px"] for row in rows] == ["", "", "", "5.0", ""]
    assert "width_mean_um" in rows[0]


def test_measures_table_is_not_rewritten_for_each_changed_image(
    tmp_path: Path, make_record: RecordMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = open_table(tmp_path)
    for number in range(100):
        table.add((make_record(source=str(number)),))
    written: list[str] = []
    replace = SharedFile.replace

    def count_and_replace(shared: SharedFile, text: str) -> None:
        written.append(text)
        replace(shared, text)

    monkeypatch.setattr(SharedFile, "replace", count_and_replace)
    for number in range(99):
        table.add((make_record(source=str(number), reasons=("ungradable",)),))
    table.flush()
    assert len(written) <= 21
    rows = read_rows(table)
    assert [row["source"] for row in rows] == [str(number) for number in range(100)]
    assert [row["reasons"] for row in rows] == ["ungradable"] * 99 + [""]


@example(42, [(0, 1, "no_fundus"), (1, 0, "no_fundus"), (0, 0, "no_fundus")])
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 60),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(list(CODES)))),
)
def test_measures_table_contains_last_rows_of_each_image_in_order(
    make_record: RecordMaker, earlier: int, images: list[tuple[int, int, Code]]
) -> None:
    """An image replaces the rows with its source and the rows with its mask."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        expected: list[tuple[str, str, str]] = []
        table = open_table(folder)
        first_run: list[tuple[int, int, Code]] = [(n, n, "no_fundus") for n in range(earlier)]
        for source, mask, code in [*first_run, *images]:
            row = str(source), f"{mask}_vessels.png", code
            files = ResultFiles(mask=str(folder / row[1]))
            table.add((make_record(source=row[0], files=files, reasons=(code,)),))
            replaced = [old for old in expected if old[0] == row[0] or old[1] == row[1]]
            position = expected.index(replaced[0]) if replaced else len(expected)
            expected.insert(position, row)
            for old in replaced:
                expected.remove(old)
        table.flush()
        found = [(row["source"], row["files_mask"], row["reasons"]) for row in read_rows(table)]
    assert found == expected


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
