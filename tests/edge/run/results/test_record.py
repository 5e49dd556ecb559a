"""The result record: columns, schema, stored copies and the data dictionary."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
import pytest

from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.encoder import encode_png
from edgeseg.measures.values import STATUSES
from edgeseg.run.results.columns import columns, json_schema
from edgeseg.run.results.provenance import read_records, record_text
from edgeseg.run.results.record import CODES, ResultFiles, ResultRecord, encode_record

DOCUMENT = Path(__file__).parents[4] / "docs" / "formats.md"


RecordMaker: TypeAlias = Callable[..., ResultRecord]


def test_record_json_has_null_for_unknown_and_omits_unrequested_values(
    make_record: RecordMaker,
) -> None:
    values = json.loads(encode_record(make_record()))
    assert values["vessel_density"] is None
    assert values["quality"] is None
    assert not {"position_s", "files", "reused", "dropped", "message"} & set(values)


def test_record_json_passes_its_schema(make_record: RecordMaker) -> None:
    fastjsonschema = pytest.importorskip(
        "fastjsonschema", reason="validating needs fastjsonschema (extra 'dev')"
    )
    validate = fastjsonschema.compile(json_schema())
    validate(json.loads(encode_record(make_record(files=ResultFiles(mask="m.png")))))
    validate(json.loads(encode_record(make_record())) | {"a later column": 1})
    with pytest.raises(fastjsonschema.JsonSchemaException):
        validate(json.loads(encode_record(make_record())) | {"status": "done"})


def test_columns_have_unique_names_and_definitions() -> None:
    names = [column.name for column in columns()]
    assert len(names) == len(set(names))
    assert {"quality_focus", "files_mask", "timings_ms", "fov_diameter_px"} <= set(names)
    assert all(column.definition.endswith(".") for column in columns())


def test_data_dictionary_lists_every_column_and_code() -> None:
    lines = DOCUMENT.read_text().splitlines()
    documented = [column for column in columns() if not column.name.startswith("quadrant_")]
    for column in documented:
        row = f"| `{column.name}` | {column.type} | {column.unit} | {column.definition} |"
        assert row in lines, f"add to {DOCUMENT.name}: {row}"
    for code, meaning in [*CODES.items(), *STATUSES.items()]:
        row = f"| `{code}` | {meaning} |"
        assert row in lines, f"add to {DOCUMENT.name}: {row}"


def test_quadrant_columns_are_those_of_the_field() -> None:
    names = {column.name for column in columns()}
    for quadrant in ("upper_left", "inferior_nasal"):
        prefix = f"quadrant_{quadrant}_"
        parts = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
        assert "vessel_density" in parts
        assert parts < names


def test_stored_records_are_read_back_without_paths_and_times(
    tmp_path: Path, make_record: RecordMaker
) -> None:
    mask: Photo = np.zeros((4, 4), np.uint8)
    record = make_record(model="größe", time="2026-01-01T00:00:00.000Z", timings_ms={"infer": 1.0})
    file = tmp_path / "eye_vessels.png"
    file.write_bytes(encode_png(mask, record_text((record, record))))
    stored = read_records(file)
    assert stored is not None
    assert len(stored) == 2
    assert stored[0] == msgspec.structs.replace(
        record, source="", time=msgspec.UNSET, timings_ms=msgspec.UNSET
    )
    assert b"eye.png" not in file.read_bytes()


def test_read_records_of_other_png_returns_none(tmp_path: Path) -> None:
    file = tmp_path / "other.png"
    too_deep = '[{"unknown": ' + 5000 * "["
    for text in ("no JSON", "[{}]", '{"source": 1}', too_deep):
        file.write_bytes(encode_png(np.zeros((4, 4), np.uint8), {"edgeseg:record": text}))
        assert read_records(file) is None
    assert read_records(tmp_path / "missing.png") is None
