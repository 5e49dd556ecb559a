"""`edgeseg batch --dry-run`: estimates without output files."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from edgeseg.batch.dry_run import estimate_job
from edgeseg.batch.job import JobOptions
from edgeseg.batch.prepare_job import ModelChoice
from edgeseg.batch.run_job import JobRequest
from edgeseg.batch.shard import Shard
from edgeseg.cli import cli


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["batch", *map(str, arguments)])


def estimate(argument: Path, output: Path, dask: str | None = None) -> dict[str, str]:
    """Return the facts of a dry run with one thread."""
    choice = ModelChoice("default", "auto", "auto", None, None)
    request = JobRequest(
        str(argument), output, JobOptions(), choice, 1, 1, Shard(), False, {}, dask
    )  # fmt: skip
    return dict(estimate_job(request, lambda _: None))


def test_dry_run_reports_estimates_and_writes_nothing(cohort: Path, tmp_path: Path) -> None:
    called = call(cohort, "-o", tmp_path / "out", "--dry-run", "--workers", "1")
    assert called.exit_code == 0, called.output
    assert "cut.png" in called.stdout and "ms per file" in called.stdout
    assert list(tmp_path.iterdir()) == []


def test_dry_run_counts_missing_files_separately_from_invalid_files(tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(b"cut")
    (tmp_path / "m.csv").write_text("path\ngone.png\ncut.png\n")
    facts = estimate(tmp_path / "m.csv", tmp_path / "out")
    assert facts["files"] == "2"
    assert facts["missing files"].startswith("1 ") and "gone.png" in facts["missing files"]
    assert facts["without a valid header"].startswith("1 ")


def test_dry_run_uses_workers_and_threads_of_dask(cohort: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    cv2.setNumThreads(2)
    local = estimate(cohort, tmp_path / "out", dask="local:16")
    assert local["workers"].startswith("16 with 1 thread ")
    assert cv2.getNumThreads() == 1
    cluster = estimate(cohort, tmp_path / "out", dask="tls://scheduler:8786")
    assert re.fullmatch("[0-9]+ ms per file and worker", cluster["estimated time"])


def test_dry_run_with_remote_output_omits_free_space_of_this_machine(cohort: Path) -> None:
    called = call(cohort, "-o", "s3://bucket/out", "--dry-run", "--workers", "1")
    assert called.exit_code == 0, called.output
    assert "required disk space" in called.stdout and "free disk space" not in called.stdout
