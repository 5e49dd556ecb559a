"""Calls of `edgeseg batch` that are rejected before a photograph is processed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["batch", *map(str, arguments)])


def test_second_job_in_folder_and_other_options_are_rejected(done: Path, cohort: Path) -> None:
    assert call(cohort, "-o", done).exit_code == 2
    for option in ("--no-masks", "--measures", "--overlay", "--threshold=0.2", "--threads=2"):
        rejected = call(cohort, "-o", done, "--resume", option)
        assert rejected.exit_code == 2 and rejected.output.count("\n") == 1
    assert call(cohort / "m.csv", "-o", done, "--resume").exit_code == 2
    assert call("-o", done, "--resume", "--model", "detail").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["in"], 2),
        (["-o", "out"], 2),
        (["in", "-o", "out", "--shard", "3/2"], 2),
        (["in", "-o", "out", "--table", "t.xlsx"], 2),
        (["in", "-o", "out", "--eye", "left"], 2),
        (["in", "-o", "out", "--eye", "left", "--resume"], 2),
        (["in", "-o", "out", "--table", "missing/t.csv"], 7),
        (["in", "-o", "out", "--html", "missing/t.html"], 7),
        (["in", "-o", "out", "--model", "none.onnx"], 6),
        (["in", "-o", "in/od.png"], 2),
        (["in", "--merge", "out"], 2),
        (["--merge", "out"], 7),
        (["--merge", "out", "--dry-run"], 2),
        (["--merge", "out", "--resume"], 2),
        (["--merge", "out", "--workers", "2"], 2),
        (["-o", "out", "--resume"], 2),
        (["missing", "-o", "out"], 2),
    ],
)
def test_invalid_call_is_rejected_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], exit_code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "od.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    rejected = call(*arguments)
    assert rejected.exit_code == exit_code, rejected.output
    assert not (tmp_path / "out").exists()


def test_foreign_table_is_rejected_before_the_job_starts(cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("my,own\n")
    assert call(cohort, "-o", tmp_path).exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]


def test_changed_model_is_rejected(cohort: Path, tmp_path: Path) -> None:
    from edgeseg.models.catalog import MODEL_FOLDER

    model = tmp_path / "lean.fp32.onnx"
    model.write_bytes((MODEL_FOLDER / "lean.fp32.onnx").read_bytes())
    out = tmp_path / "out"
    assert call(cohort, "-o", out, "--model", model, "--shard", "1/3").exit_code == 0
    model.write_bytes((MODEL_FOLDER / "lean-detail.fp32.onnx").read_bytes())
    changed = call("-o", out, "--resume")
    assert changed.exit_code == 6 and changed.output.count("\n") <= 2


@pytest.mark.parametrize(
    ("package", "option"), [("pyarrow", "--table=t.parquet"), ("jinja2", "--html=t.html")]
)
def test_missing_extra_is_reported_before_the_job_starts(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, option: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "edgeseg.batch.parquet", raising=False)
    missing = call(cohort, "-o", tmp_path / "out", option)
    assert missing.exit_code == 7 and "[batch]" in missing.stderr
    assert not (tmp_path / "out").exists()


def test_parts_without_job_file_are_not_reused(done: Path, cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(done, out)
    (out / "job.json").unlink()
    assert call(cohort, "-o", out, "--measures").exit_code == 2


def test_table_format_is_checked_before_the_inputs(tmp_path: Path) -> None:
    rejected = call(tmp_path / "missing", "-o", tmp_path / "out", "--table", "t.xlsx")
    assert rejected.exit_code == 2 and "t.xlsx" in rejected.stderr


def test_image_instead_of_manifest_is_rejected(cohort: Path, tmp_path: Path) -> None:
    rejected = call(cohort / "p1" / "od 1.png", "-o", tmp_path / "out")
    assert rejected.exit_code == 2 and "image" in rejected.stderr


@pytest.mark.parametrize("option", [(), ("--resume",)])
def test_unquoted_pattern_is_rejected_with_hint(tmp_path: Path, option: tuple[str, ...]) -> None:
    rejected = call("a.tif", "b.tif", "-o", tmp_path / "out", *option)
    assert rejected.exit_code == 2 and "Quote" in rejected.stderr


@pytest.mark.parametrize("option", ["--resume", "--merge", "--shard=1/2"])
def test_job_with_deleted_state_is_rejected(done: Path, tmp_path: Path, option: str) -> None:
    from edgeseg.batch.job import STATE_FOLDER

    out = tmp_path / "out"
    shutil.copytree(done, out)
    shutil.rmtree(out / STATE_FOLDER)
    arguments: tuple[str | Path, ...] = ("-o", out, option)
    if option == "--merge":
        arguments = (option, out)
    rejected = call(*arguments)
    assert rejected.exit_code == 7
    assert rejected.stderr.count("\n") == 1 and rejected.stderr.count(str(out)) == 1
