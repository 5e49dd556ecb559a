"""`edgeseg batch` from the command line: jobs, shards and resuming."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from edgeseg.batch.job import STATE_FOLDER
from edgeseg.batch.messages import PhotographDone
from edgeseg.batch.progress import JobProgress
from edgeseg.cli import cli
from edgeseg.synthetic import generate_photo


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["batch", *map(str, arguments)])


def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edgeseg", "batch", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def read_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def results(folder: Path) -> dict[str, bytes]:
    """Return table, dictionary, masks and job of an output folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if STATE_FOLDER not in path.parts
    }


def test_folder_gives_mirrored_masks_and_one_row_per_input(done: Path) -> None:
    rows = read_rows(done)
    assert [Path(row["source"]).name for row in rows] == ["od 1.png", "cut.png", "äß.png"]
    assert [row["status"] for row in rows] == ["ok", "failed", "ok"]
    assert rows[1]["reasons"] == "undecodable"
    assert [row["files_mask"] for row in rows] == ["p1/od 1_vessels.png", "", "p2/äß_vessels.png"]
    assert (done / "p2" / "äß_vessels.png").is_file()
    job = json.loads((done / "job.json").read_text())
    assert len(job["model"]["sha256"]) == 64 and job["count"] == 3
    assert job["model"]["precision"] != "auto" and job["model"]["threads"] == 1


def test_resume_of_finished_job_changes_nothing_and_reports_new_files(
    done: Path, cohort: Path, eyes: list[bytes]
) -> None:
    before = results(done)
    new = cohort / "p1" / "new.png"
    new.write_bytes(eyes[2])
    try:
        resumed = call("-o", done, "--resume")
    finally:
        new.unlink()
    assert resumed.exit_code == 3 and "not included" in resumed.stderr
    assert "already complete" in resumed.stderr
    assert results(done) == before


def test_manifest_gives_table_with_its_columns(cohort: Path, tmp_path: Path) -> None:
    out, table = tmp_path / "out", tmp_path / "t.parquet"
    called = call(cohort / "m.csv", "-o", out, "--table", table, "--no-masks", "--timings",
                  "--measures", "--workers", "2")  # fmt: skip
    assert called.exit_code == 3, called.output
    rows = pq.read_table(table).to_pylist()
    assert [row["id"] for row in rows] == ["001", "002", "003"]
    assert [row["visit"] for row in rows] == ["=1", "2", "3"]
    assert [row["status"] for row in rows] == ["ok", "ok", "failed"]
    assert rows[2]["reasons"] == "unreadable" and rows[2]["width_mean_px"] is None
    assert rows[2]["message"].startswith(f"{rows[2]['source']}: ")
    assert rows[0]["timings_ms_infer"] > 0 and "files_mask" not in rows[0]
    assert rows[0]["measures_status"]
    assert not list(out.rglob("*_vessels.png"))


def test_shards_and_merge_equal_one_run(done: Path, cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = (cohort, "-o", out, "--workers", "1", "--threads", "1")
    assert call(*arguments, "--shard", "1/2").exit_code == 0
    incomplete = call("--merge", out)
    assert incomplete.exit_code == 3 and "1 of 3" in incomplete.stderr
    assert call(*arguments, "--shard", "2/2").exit_code == 3
    assert call(*arguments, "--shard", "2/2").exit_code == 3  # the shard is finished
    assert call(*arguments, "--shard", "1/2").exit_code == 0
    assert call("--merge", out).exit_code == 3
    assert results(out) == results(done)


def test_merge_writes_another_table_and_page(done: Path, tmp_path: Path) -> None:
    table, page = tmp_path / "t.parquet", tmp_path / "page.html"
    merged = call("--merge", done, "--table", table, "--html", page)
    assert merged.exit_code == 3 and str(page) in merged.stderr
    assert pq.read_table(table).num_rows == 3 and page.is_file()


def test_merge_without_parts_reports_missing_inputs(done: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(done, out)
    shutil.rmtree(out / STATE_FOLDER / "parts")
    merged = call("--merge", out)
    assert merged.exit_code == 3 and "3 of 3" in merged.stderr


def test_page_omits_thumbnails_beyond_its_limit(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeseg.batch import page

    monkeypatch.setattr(page, "_MAX_BYTES", page._RESERVED_BYTES + 1000)
    assert call("--merge", done, "--html", tmp_path / "p.html").exit_code == 3
    text = (tmp_path / "p.html").read_text()
    assert "data:image" not in text and "od 1.png" in text


def test_pages_of_tiff_give_rows_and_masks(tmp_path: Path) -> None:
    pages = [generate_photo(seed, 160).photo for seed in range(2)]
    (tmp_path / "in").mkdir()
    assert cv2.imwritemulti(str(tmp_path / "in" / "eyes.tif"), pages)
    out = tmp_path / "out"
    assert call(tmp_path / "in", "-o", out, "--workers", "1").exit_code == 0
    rows = read_rows(out)
    assert [row["frame"] for row in rows] == ["1", "2"]
    assert [row["files_mask"] for row in rows] == ["eyes_vessels.png", "eyes_p0002_vessels.png"]
    assert all((out / row["files_mask"]).is_file() for row in rows)


def test_failed_page_of_tiff_gives_exit_code_3_and_is_listed(tmp_path: Path) -> None:
    black = np.zeros((160, 160, 3), np.uint8)
    (tmp_path / "in").mkdir()
    tiff = tmp_path / "in" / "eyes.tif"
    assert cv2.imwritemulti(str(tiff), [generate_photo(0, 160).photo, black, black])
    out, page = tmp_path / "out", tmp_path / "out" / "page.html"
    arguments = (tmp_path / "in", "-o", out, "--workers", "1", "--html", page)
    shard = call(*arguments, "--shard", "1/2")
    assert shard.exit_code == 3
    assert "1 file " in shard.stderr and "3 photographs" in shard.stderr
    merged = call("--merge", out)
    assert merged.exit_code == 3
    assert "2 failed" in merged.stderr and "(no_fundus 2)" in merged.stderr
    assert [row["status"] for row in read_rows(out)] == ["ok", "failed", "failed"]
    text = page.read_text()
    assert "no_fundus: 2" in text and "eyes.tif frame 3" in text


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 3), (signal.SIGINT, 130)])
def test_signal_after_last_photograph_loses_no_result(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, exit_code: int
) -> None:
    add = JobProgress.add

    def add_and_signal(progress: JobProgress, photograph: PhotographDone) -> None:
        add(progress, photograph)
        if progress.done == progress.total:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(JobProgress, "add", add_and_signal)
    out = tmp_path / "out"
    stopped = call(cohort, "-o", out, "--workers", "1")
    assert stopped.exit_code == exit_code and "not processed" not in stopped.stderr
    assert (out / "results.csv").exists() == (number == signal.SIGTERM)
    assert call("-o", out, "--resume").exit_code == 3
    assert len(read_rows(out)) == 3


def test_page_is_escaped_and_self_contained(tmp_path: Path, eyes: list[bytes]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        (folder / f"<b>&{number}.png").write_bytes(eyes[number])
    (folder / "<script>alert(1)<.png").write_bytes(b"cut")
    page = tmp_path / "page.html"
    assert call(folder, "-o", tmp_path / "out", "--html", page, "--measures").exit_code == 3
    text = page.read_text()
    assert "<script" not in text and "&lt;script&gt;" in text and "&lt;b&gt;&amp;0" in text
    assert "http:" not in text and "https:" not in text
    assert text.count("data:image/jpeg;base64") >= 6 and "undecodable: 1" in text
    assert "quality_focus" in text and page.stat().st_size < 20_000_000
    page.write_text("my own page")
    assert call(folder, "-o", tmp_path / "out2", "--html", page).exit_code == 7


# -- many photographs ---------------------------------------------------------------------------

COUNT = 300


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, eyes: list[bytes]) -> Path:
    """Deep folder tree with links to three photographs. 1 % of the files are damaged instead."""
    folder = tmp_path_factory.mktemp("tree")
    for number, data in enumerate(eyes):
        (folder / f".eye{number}").write_bytes(data)
    for number in range(COUNT):
        path = folder / f"site {number % 3}" / f"patiënt {number // 10}" / f"visit {number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 100 == 50:
            path.write_bytes(eyes[0][:500])
        else:
            path.symlink_to(folder / f".eye{number % 3}")
    return folder


@pytest.fixture(scope="module")
def undisturbed(tree: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    called = call(tree, "-o", output, "--workers", "2", "--threads", "1", "--model", tiny_model)
    assert called.exit_code == 3, called.output
    return output


@pytest.mark.slow
def test_300_photographs_give_300_rows_and_expected_failures(undisturbed: Path) -> None:
    rows = read_rows(undisturbed)
    assert len(rows) == COUNT
    failed = [Path(row["source"]).name for row in rows if row["status"] == "failed"]
    assert sorted(failed) == ["visit 150.png", "visit 250.png", "visit 50.png"]
    assert len(list(undisturbed.rglob("*_vessels.png"))) == COUNT - 3


@pytest.mark.slow
def test_three_shards_at_the_same_time_equal_one_run(
    tree: Path, tiny_model: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    common = (tree, "-o", out, "--workers", "1", "--threads", "1", "--model", tiny_model)
    processes = [start(*common, "--shard", f"{index}/3") for index in (1, 2, 3)]
    assert [process.wait() in (0, 3) for process in processes] == [True] * 3
    assert call("--merge", out).exit_code == 3
    assert results(out) == results(undisturbed)


@pytest.mark.slow
def test_resume_after_kills_equals_uninterrupted_run(tree: Path, tmp_path: Path) -> None:
    chance, out, expected = random.Random(0), tmp_path / "out", tmp_path / "expected"
    site = tree / "site 0"
    assert call(site, "-o", expected, "--workers", "2", "--threads", "1").exit_code == 3
    for kill in range(10):
        with start(site, "-o", out, "--resume", "--workers", "2", "--threads", "1") as process:
            time.sleep(1 + 0.8 * chance.random())
            with suppress(psutil.NoSuchProcess):
                main = psutil.Process(process.pid)
                if kill % 2:
                    for worker in main.children()[:1]:
                        worker.kill()
                    time.sleep(0.2)
                main.kill()
    assert call("-o", out, "--resume").exit_code == 3
    assert results(out) == results(expected)


@pytest.mark.slow
def test_terminated_job_can_be_resumed(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with start(tree / "site 1", "-o", out, "--workers", "1", "--no-masks") as process:
        while not list((out / STATE_FOLDER).glob("parts/*/*.gz")):
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 143
    assert not (out / "results.csv").exists()
    call("-o", out, "--resume")
    assert len(read_rows(out)) == COUNT // 3
