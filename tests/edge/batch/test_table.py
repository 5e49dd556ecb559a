"""Table of a job: columns and types depend on the job, not on the data."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from edgeseg.batch.death import died_record
from edgeseg.batch.job import JobFile, open_inputs
from edgeseg.batch.merge import join_parts, table_path
from edgeseg.batch.parts import InputRange, PartEntry, write_part
from edgeseg.batch.table import check_table, dictionary_path
from edgeseg.batch.table_columns import table_columns
from edgeseg.errors import UsageError
from edgeseg.run.results.columns import columns

MANIFEST = (
    "path,id,source,eye,sphere,note,=2+3\n"
    'a.png,001,clinic,L,-1.50,"=1+1",\nb.png,002,clinic,,+2,"say ""hi"", é",\n'
)


@pytest.fixture
def failed_job(tmp_path: Path, make_job: Callable[..., JobFile]) -> Callable[..., JobFile]:
    """Function that creates a job of two failed photographs, with measurements."""

    def make(table: str) -> JobFile:
        (tmp_path / "m.csv").write_text(MANIFEST)
        job = make_job(tmp_path / "m.csv", measures=True, table=str(tmp_path / table))
        sources = list(open_inputs(tmp_path / "out", job))
        for number, source in enumerate(sources):
            record = died_record(source, job.model, "signal SIGKILL")
            part = InputRange(number, number + 1)
            write_part(tmp_path / "out", part, [PartEntry(number, (record,))])
        return job

    return make


def test_csv_table_keeps_text_and_protects_formulas(
    tmp_path: Path, failed_job: Callable[..., JobFile]
) -> None:
    summary = join_parts(tmp_path / "out", failed_job("t.csv"))
    assert (summary.rows, summary.counts.failed, summary.missing) == (2, 2, [])
    assert summary.reasons == {"worker_died": 2}
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["001", "002"]
    assert [row["sphere"] for row in rows] == ["-1.50", "+2"]
    assert "'=2+3" in rows[0] and "=2+3" not in rows[0]
    assert [row["note"] for row in rows] == ["'=1+1", 'say "hi", é']
    assert rows[0]["manifest_source"] == "clinic" and rows[0]["manifest_eye"] == "L"
    assert [Path(row["source"]).name for row in rows] == ["a.png", "b.png"]
    assert rows[0]["reasons"] == "worker_died" and rows[0]["width_mean_px"] == ""


def test_parquet_types_of_empty_columns_match_their_definitions(
    tmp_path: Path, failed_job: Callable[..., JobFile]
) -> None:
    job = failed_job("t.parquet")
    join_parts(tmp_path / "out", job)
    table = pq.read_table(tmp_path / "t.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert types["width_mean_px"] == "double" and types["branching_point_count"] == "int64"
    assert types["quality_ungradable"] == "bool" and types["um_per_px_status"] == "string"
    assert types["id"] == "string"
    assert table.column("note").to_pylist() == ["=1+1", 'say "hi", é']
    assert table.column("sphere").to_pylist() == ["-1.50", "+2"]
    assert types == {column.name: column.type for column in table_columns(job)}


def test_dictionary_describes_every_column(
    tmp_path: Path, failed_job: Callable[..., JobFile]
) -> None:
    job = failed_job("t.csv")
    join_parts(tmp_path / "out", job)
    with dictionary_path(table_path(tmp_path / "out", job.options)).open(newline="") as file:
        described = list(csv.DictReader(file))
    with (tmp_path / "t.csv").open(newline="") as file:
        assert [row["name"] for row in described] == next(csv.reader(file))
    by_name = {column.name: column for column in columns()}
    for row in described:
        assert row["definition"]
        if row["name"] in by_name and not row["name"].startswith("quadrant_"):
            assert row["unit"] == by_name[row["name"]].unit


def test_columns_follow_options(failed_job: Callable[..., JobFile]) -> None:
    job = failed_job("t.csv")

    def names(**options: bool) -> set[str]:
        changed = replace(job, options=replace(job.options, **options))
        return {column.name for column in table_columns(changed)}

    assert "width_mean_px" in names(measures=True)
    assert "quadrant_superior_nasal_total_length_px" in names(measures=True)  # `eye` is given
    assert not {"width_mean_px", "measures_status", "eye"} & names(measures=False)
    assert {"vessel_density", "manifest_eye"} < names(measures=False)
    assert "files_mask" not in names(masks=False) and "files_overlay" in names(overlay=True)
    assert "timings_ms_infer" in names(timings=True)
    assert not any(name.startswith("timings_ms") for name in names())


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_foreign_table_is_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("my,own,table\n")
    with pytest.raises(UsageError):
        check_table(tmp_path / name)
    with pytest.raises(UsageError):
        check_table(tmp_path / "t.xlsx")


def test_foreign_dictionary_is_not_overwritten(tmp_path: Path) -> None:
    dictionary = tmp_path / "t_dictionary.csv"
    dictionary.write_text("name,type,unit,definition,version\n")
    check_table(tmp_path / "t.csv")
    dictionary.write_text("my,own,table\n")
    with pytest.raises(UsageError):
        check_table(tmp_path / "t.csv")
