"""`measures.csv`: one row per field of view."""

from __future__ import annotations

import csv
from pathlib import Path

from edgeseg.run.results.measures_table import MeasuresTable
from edgeseg.run.results.record import Code, ResultRecord


def make_record(*reasons: Code) -> ResultRecord:
    return ResultRecord(
        source="eye.png",
        frame=1,
        fov_index=0,
        fov_count=0,
        status="failed" if reasons else "ok",
        reasons=reasons,
        edgeseg_version="0.1.0",
        model="default",
        model_sha256="ab" * 32,
        precision="int8",
        runtime="onnxruntime",
        provider="cpu",
        threshold=0.5,
    )


def test_measures_table_joins_lists_by_semicolons(tmp_path: Path) -> None:
    table = MeasuresTable(tmp_path, micrometres=False, anatomical=False)
    table.add((make_record(), make_record("ungradable", "several_fields")))
    with table.file.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["reasons"] for row in rows] == ["", "ungradable;several_fields"]
    assert [row["warnings"] for row in rows] == ["", ""]
