"""Manifests in Parquet and in various forms of CSV, and rejected manifests."""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.batch.manifest import Manifest, read_manifest
from edgeseg.errors import UsageError

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=12)


def write_manifest(folder: Path, content: str | bytes) -> Path:
    file = folder / "m.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def read(folder: Path, content: str | bytes) -> Manifest:
    return read_manifest(write_manifest(folder, content))


@pytest.mark.parametrize(
    "content",
    [
        "path,id\na b.png,001\n",
        "path,id\r\na b.png,001\r\n",
        "path;id\r\na b.png;001",
        "path\tid\na b.png\t001\n",
        '"path","id"\n"a b.png","001"\n,\n\n',
        b"\xef\xbb\xbfpath,id\r\na b.png,001\r\n",
        "path\tid\r\na b.png\t001\r\n".encode("utf-16"),
    ],
)
def test_csv_manifest_of_any_dialect_gives_text(tmp_path: Path, content: str | bytes) -> None:
    manifest = read(tmp_path, content)
    (row,) = manifest.rows
    assert row.path == tmp_path / "a b.png"
    assert row.values == ("a b.png", "001")
    assert [column.type for column in manifest.columns] == ["string", "string"]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("id,file\n1,a.png\n", "path"),
        ("path\n", "no photograph"),
        ("", "path"),
        ("path,path\na.png,b.png\n", "two columns"),
        ("path,\na.png,1\n", "column 2"),
        ("path,id\na.png\n", "row 2"),
        ("path,id\n\na.png,1,2\n", "row 3"),
        ("path,id\n,1\n", "row 2"),
        ("path,eye\na.png,both\n", "row 2"),
        ("path,eye\na.png,Both\n", "Both"),
        ("path,um_per_px\na.png,-5\n", "row 2"),
        ("path,um_per_px\na.png,inf\n", "row 2"),
        ("path\na.png\nb.png\n./a.png\n", "rows 2 and 4"),
        ('path,id\n"a.png,1\n', "line"),
        (b"path\n\xe9.png\n", "UTF-8"),
        (b"path\na\0b.png\n", "row 2"),
        (f"path,{140_000 * 'x'}\na.png,1\n", "line 1"),
    ],
)
def test_invalid_manifest_is_rejected_in_one_line(
    tmp_path: Path, content: str | bytes, place: str
) -> None:
    file = write_manifest(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        read_manifest(file)
    message = str(caught.value)
    assert message.startswith(str(file)) and place in message and "\n" not in message


def test_missing_manifest_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_manifest(tmp_path / "no.csv")


def test_manifest_accepts_clinical_names_of_the_eye(tmp_path: Path) -> None:
    content = "path,eye,um_per_px\na,OD,4.5\nb,os, 5\nc,Left,\nd,r,nan\ne,,NA\n"
    rows = read(tmp_path, content).rows
    assert [row.eye for row in rows] == ["right", "left", "left", "right", None]
    assert [row.um_per_px for row in rows] == [4.5, 5.0, None, None, None]


def test_backslashes_separate_folders_unless_such_a_file_exists(tmp_path: Path) -> None:
    (tmp_path / "p1").mkdir()
    (tmp_path / "p1" / "a.png").touch()
    (tmp_path / "odd\\name.png").touch()
    rows = read(tmp_path, "path\np1\\a.png\nodd\\name.png\ngone\\b.png\n").rows
    assert rows[0].path == tmp_path / "p1" / "a.png"
    assert rows[1].path == tmp_path / "odd\\name.png"
    assert rows[2].path == tmp_path / "gone\\b.png"


def test_parquet_manifest_keeps_types(tmp_path: Path) -> None:
    day, moment = datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4, 5)
    table = pa.table(
        {
            "path": ["a.png", "b.png"],
            "id": pa.array(["001", None]).dictionary_encode(),
            "age": pa.array([61, None], pa.int16()),
            "sphere": pa.array([-1.5, None], pa.float32()),
            "treated": [True, None],
            "day": pa.array([day, None]),
            "moment": pa.array([moment, None], pa.timestamp("ms")),
            "price": pa.array([1, None], pa.decimal128(5, 2)),
        }
    )
    pq.write_table(table, tmp_path / "m.parquet")
    manifest = read_manifest(tmp_path / "m.parquet")
    types = [column.type for column in manifest.columns]
    assert types == [
        "string", "string", "int16", "float", "bool", "date32[day]", "timestamp[ms]", "string",
    ]  # fmt: skip
    expected = ("a.png", "001", 61, -1.5, True, "2020-01-02", "2020-01-02 03:04:05.000", "1.00")
    assert manifest.rows[0].values == expected
    assert manifest.rows[1].values == ("b.png", *[None] * 7)


def test_nested_parquet_column_and_damaged_file_are_rejected(tmp_path: Path) -> None:
    file = tmp_path / "m.parquet"
    pq.write_table(pa.table({"path": ["a"], "tags": [[{"x": 1}]]}), file)
    with pytest.raises(UsageError):
        read_manifest(file)
    file.write_bytes(b"PAR1" + bytes(20))
    with pytest.raises(UsageError):
        read_manifest(file)
    text = pa.array([b"\xff.png"]).view(pa.utf8())
    pq.write_table(pa.table({"path": text}), file)
    with pytest.raises(UsageError):
        read_manifest(file)


@given(values=st.lists(TEXT, min_size=1, max_size=5))
def test_csv_values_are_unchanged(
    tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    quoted = ['"' + value.replace('"', '""') + '"' for value in values]
    lines = [f"{number}.png,{cell}" for number, cell in enumerate(quoted)]
    rows = read(folder, "path,note\n" + "\n".join(lines) + "\n").rows
    assert [row.values[1] for row in rows] == values
