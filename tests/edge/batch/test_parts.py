"""Part files: processed and missing inputs, and shards of a job."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.batch.parts import (
    InputRange,
    PartEntry,
    list_parts,
    missing_ranges,
    parts_folder,
    read_entries,
    remove_stale_files,
    write_part,
)
from edgeseg.batch.shard import Shard, parse_shard
from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.run.results.record import ResultRecord
from edgeseg.system.files import temporary_beside

PartWriter: TypeAlias = Callable[[Path, int, int], None]


@pytest.fixture
def write(make_record: Callable[..., ResultRecord]) -> PartWriter:
    """Function that writes a part file with one record for each input of a range."""

    def write_records(folder: Path, start: int, stop: int) -> None:
        entries = [
            PartEntry(number, (make_record(source=f"{number}.png"),))
            for number in range(start, stop)
        ]
        write_part(folder, InputRange(start, stop), entries)

    return write_records


def test_entries_of_overlapping_parts_are_read_once_in_order(
    tmp_path: Path, write: PartWriter
) -> None:
    for start, stop in ((60_000, 60_002), (4, 8), (4, 6), (5, 7), (0, 3), (6, 9)):
        write(tmp_path, start, stop)
    numbers = [entry.number for entry in read_entries(tmp_path)]
    assert numbers == [0, 1, 2, 4, 5, 6, 7, 8, 60_000, 60_001]
    ranges = [done for done, _ in list_parts(tmp_path)]
    assert list(missing_ranges(ranges, 60_005)) == [(3, 4), (9, 60_000), (60_002, 60_005)]


def test_remove_stale_files_removes_temporary_files_from_all_folders(
    tmp_path: Path, write: PartWriter
) -> None:
    write(tmp_path, 0, 2)
    stale = [
        folder / ".edgeseg-0123456789abcdef.tmp"
        for folder in (tmp_path, tmp_path / "site" / "patient", parts_folder(tmp_path))
    ]
    for file in stale:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    with temporary_beside(tmp_path / "site" / "mask.png") as (used, _):
        remove_stale_files(tmp_path)
        assert used.exists()
        used.unlink()
    assert not any(file.exists() for file in stale)
    assert [entry.number for entry in read_entries(tmp_path)] == [0, 1]


def test_other_files_are_not_parts(tmp_path: Path, write: PartWriter) -> None:
    write(tmp_path, 0, 2)
    (parts_folder(tmp_path) / "000000" / ".edgeseg-0123.tmp").touch()
    (parts_folder(tmp_path) / "000000" / "copy of 00000002-00000004.jsonl.gz").touch()
    assert [done for done, _ in list_parts(tmp_path)] == [(0, 2)]


TOO_DEEP = gzip.compress(b'{"number": 0, "records": [{"x": ' + 5000 * b"[", mtime=0)


@pytest.mark.parametrize("damage", [b"", b"\x1f\x8b", b"text", TOO_DEEP])
def test_damaged_part_is_reported(tmp_path: Path, write: PartWriter, damage: bytes) -> None:
    write(tmp_path, 0, 2)
    ((_, path),) = list_parts(tmp_path)
    path.write_bytes(damage or path.read_bytes()[:-9])
    with pytest.raises(SystemSetupError) as caught:
        list(read_entries(tmp_path))
    assert str(path) in str(caught.value)


def test_part_that_is_a_pipe_is_reported(tmp_path: Path, write: PartWriter) -> None:
    write(tmp_path, 0, 2)
    ((_, path),) = list_parts(tmp_path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SystemSetupError, match=path.name):
        list(read_entries(tmp_path))


@given(
    count=st.integers(1, 200),
    task_size=st.integers(1, 40),
    shards=st.integers(1, 7),
    done=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60)), max_size=5),
)
def test_tasks_of_all_shards_cover_missing_inputs_once(
    count: int, task_size: int, shards: int, done: list[tuple[int, int]]
) -> None:
    ranges = sorted(InputRange(start, min(start + size, count)) for start, size in done)
    ranges = [one for one in ranges if one.start < one.stop]
    missing = list(missing_ranges(ranges, count))
    seen: list[int] = []
    for index in range(1, shards + 1):
        for start, stop in Shard(index, shards).tasks(missing, task_size):
            assert 0 < stop - start <= task_size
            seen += range(start, stop)
    covered = {number for start, stop in ranges for number in range(start, stop)}
    assert sorted(seen) == [number for number in range(count) if number not in covered]


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/x", "-1/3", "1/3/5"])
def test_invalid_shard_is_rejected(text: str) -> None:
    with pytest.raises(UsageError):
        parse_shard(text)


def test_empty_part_is_reported(tmp_path: Path, write: PartWriter) -> None:
    write(tmp_path, 0, 2)
    ((_, path),) = list_parts(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(SystemSetupError):
        list(read_entries(tmp_path))
