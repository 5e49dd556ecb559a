"""Inputs of a job: folders, patterns and manifests, with mirrored result names."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from edgeseg.batch.collect import Cohort, collect_cohort
from edgeseg.batch.job_input import InputFile, JobInput, encode_inputs
from edgeseg.errors import SystemSetupError, UsageError


def make_files(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + name.encode())
    return folder


def stems(cohort: Cohort) -> list[str]:
    return [one.stem for one in cohort.inputs]


def test_folder_is_collected_with_sub_folders_in_natural_order(tmp_path: Path) -> None:
    make_files(tmp_path, "p10/a.png", "p2/ä b.png", "p2/deep/a.png", "p2/a_vessels.png")
    cohort = collect_cohort(str(tmp_path))
    assert stems(cohort) == ["p2/ä b", "p2/deep/a", "p10/a"]
    assert cohort.skipped.count("result") == 1


def test_pattern_is_mirrored_below_its_fixed_part(tmp_path: Path) -> None:
    make_files(tmp_path, "p10/od.png", "p2/od.png", "p2/os.png", "p2/x/od.png")
    assert stems(collect_cohort(f"{tmp_path}/p*/od.png")) == ["p2/od", "p10/od"]
    assert stems(collect_cohort(f"{tmp_path}/**/od.png")) == ["p2/od", "p2/x/od", "p10/od"]


@pytest.mark.parametrize("argument", ["", "none*.png", "empty", "missing.csv"])
def test_argument_without_photographs_is_rejected(tmp_path: Path, argument: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        collect_cohort(str(tmp_path / argument) if argument else str(tmp_path / "empty"))


def test_manifest_outside_its_folder_is_placed_below_common_folder(tmp_path: Path) -> None:
    make_files(tmp_path, "lists/in.png", "photos/a.png", "photos/b.png")
    manifest = tmp_path / "lists" / "m.csv"
    manifest.write_text(f"path\nin.png\n../photos/a.png\n{tmp_path}/photos/b.png\n")
    cohort = collect_cohort(str(manifest))
    assert stems(cohort) == ["lists/in", "photos/a", "photos/b"]
    assert all(Path(one.path).exists() for one in cohort.inputs)


def test_missing_file_of_manifest_is_an_input(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path\ngone.png\n")
    assert stems(collect_cohort(str(tmp_path / "m.csv"))) == ["gone"]


@pytest.mark.parametrize("name", ["a.tif", "a.dcm", "a"])
def test_stems_differ_from_further_pages(tmp_path: Path, name: str) -> None:
    make_files(tmp_path, name, "a_p0002.png", "b_p0002.png")
    assert stems(collect_cohort(str(tmp_path))) == ["a", "a_p0002-2", "b_p0002"]


def test_equal_names_are_counted_as_renamed(tmp_path: Path) -> None:
    make_files(tmp_path, "a.png", "a.jpg", "b.png")
    cohort = collect_cohort(str(tmp_path))
    assert stems(cohort) == ["a.jpg", "a.png", "b"]
    assert cohort.renamed == 2


def test_input_file_reads_any_range_and_keeps_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    inputs = [JobInput(f"s{n}", os.fsdecode(b"/x/\xe9%d" % n), f"é{n}") for n in range(5)]
    file = tmp_path / "inputs.jsonl"
    file.write_bytes(encode_inputs(inputs))
    opened = InputFile(file, hashlib.sha256(file.read_bytes()).hexdigest())
    assert len(opened) == 5
    assert opened.read(1, 3) == inputs[1:3]
    assert list(opened) == inputs
    with pytest.raises(SystemSetupError):
        InputFile(file, "0" * 64)


def test_input_file_nested_too_deeply_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "inputs.jsonl"
    file.write_bytes(b'{"source": ' + 100_000 * b"[" + b"\n")
    opened = InputFile(file, hashlib.sha256(file.read_bytes()).hexdigest())
    with pytest.raises(SystemSetupError, match=r"inputs\.jsonl"):
        list(opened)


def test_input_file_that_is_a_pipe_is_rejected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "inputs.jsonl")
    with pytest.raises(SystemSetupError, match=r"inputs\.jsonl"):
        InputFile(tmp_path / "inputs.jsonl", "0" * 64)
