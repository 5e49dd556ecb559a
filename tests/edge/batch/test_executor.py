"""Worker processes: results, unexpected ends, errors and memory."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import TypeAlias

import cv2
import numpy as np
import psutil
import pytest

from edgeseg.batch import executor as executor_module
from edgeseg.batch.executor import LocalExecutor
from edgeseg.batch.job import JobFile, open_inputs
from edgeseg.batch.parts import InputRange, list_parts, missing_ranges, read_entries
from edgeseg.batch.pool import BatchWorker, Event
from edgeseg.batch.progress import JobProgress
from edgeseg.batch.shard import Shard
from edgeseg.batch.shard_run import ShardRun
from edgeseg.errors import EdgesegError
from edgeseg.synthetic import generate_photo
from edgeseg.system.signals import StopRequest

HANGING_READER = """
import time
import edgeseg.imaging.photo as photo
read = photo.read_photo_bytes
def read_or_hang(path, *arguments):
    if path.name.startswith("hanging"):
        time.sleep(1000)
    return read(path, *arguments)
photo.read_photo_bytes = read_or_hang
"""


FolderFiller: TypeAlias = Callable[[Path, int], Path]


def run(
    output: Path, job: JobFile, workers: int, stop: StopRequest | None = None, size: int = 4
) -> JobProgress:
    progress = JobProgress(job.count, lambda _: None)
    missing = list(missing_ranges([done for done, _ in list_parts(output)], job.count))
    inputs = open_inputs(output, job)
    shard_run = ShardRun(output, job, inputs, progress, stop or StopRequest(), print)
    LocalExecutor(shard_run, workers).run(Shard().tasks(missing, size))
    return progress


def test_photograph_that_kills_workers_fails_alone(
    tmp_path: Path,
    photographs: list[bytes],
    make_job: Callable[..., JobFile],
    add_start_code: Callable[[str], None],
    killing_reader: str,
    fill: FolderFiller,
) -> None:
    folder = fill(tmp_path / "in", 5)
    (folder / "killer.png").write_bytes(photographs[0])
    add_start_code(killing_reader)
    job = make_job(folder)
    progress = run(tmp_path / "out", job, 1, size=6)
    assert (progress.done, progress.failed) == (6, 1)
    records = {
        Path(entry.records[0].source).name: entry.records[0]
        for entry in read_entries(tmp_path / "out")
    }
    assert [name for name, record in records.items() if record.status == "failed"] == ["killer.png"]
    assert records["killer.png"].reasons == ("worker_died",)
    assert len(records) == 6


def test_workers_are_recycled(
    tmp_path: Path,
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
    fill: FolderFiller,
) -> None:
    monkeypatch.setattr(executor_module, "RECYCLE_AFTER", 2)
    started: list[BatchWorker] = []

    class CountedWorker(BatchWorker):
        def __init__(self, output: Path, events: Queue[Event], remote: str | None) -> None:
            super().__init__(output, events, remote)
            started.append(self)

    monkeypatch.setattr(executor_module, "BatchWorker", CountedWorker)
    job = make_job(fill(tmp_path / "in", 5))
    assert run(tmp_path / "out", job, 1, size=1).done == 5
    assert len(started) == 3


def test_stop_request_finishes_photograph_and_keeps_results(
    tmp_path: Path, make_job: Callable[..., JobFile], fill: FolderFiller
) -> None:
    job = make_job(fill(tmp_path / "in", 60))
    stop = StopRequest()
    progress = JobProgress(60, lambda now: stop.ask() if now.done == 2 else None)
    inputs = open_inputs(tmp_path / "out", job)
    shard_run = ShardRun(tmp_path / "out", job, inputs, progress, stop, print)
    LocalExecutor(shard_run, 1).run(iter([InputRange(0, 60)]))
    done = [number for _, parts in [(0, list_parts(tmp_path / "out"))] for number, _ in parts]
    assert len(done) == 1 and done[0].start == 0 and 2 <= done[0].stop < 60
    assert len(list((tmp_path / "out").glob("*_vessels.png"))) == done[0].stop


def test_worker_killed_after_stop_request_does_not_count(
    tmp_path: Path, make_job: Callable[..., JobFile], fill: FolderFiller
) -> None:
    job = make_job(fill(tmp_path / "in", 60))
    stop = StopRequest()

    def stop_and_kill(_: JobProgress) -> None:
        stop.ask()
        for child in psutil.Process().children():
            child.kill()

    progress = JobProgress(60, stop_and_kill)
    inputs = open_inputs(tmp_path / "out", job)
    shard_run = ShardRun(tmp_path / "out", job, inputs, progress, stop, print)
    LocalExecutor(shard_run, 1).run(iter([InputRange(0, 60)]))
    assert progress.done == 0 and not list_parts(tmp_path / "out")


def test_rest_of_terminated_worker_is_processed(
    tmp_path: Path, make_job: Callable[..., JobFile], fill: FolderFiller
) -> None:
    job = make_job(fill(tmp_path / "in", 60), masks=False)

    def terminate(now: JobProgress) -> None:
        if now.done == 2:
            for child in psutil.Process().children():
                child.terminate()

    progress = JobProgress(60, terminate)
    inputs = open_inputs(tmp_path / "out", job)
    shard_run = ShardRun(tmp_path / "out", job, inputs, progress, StopRequest(), print)
    LocalExecutor(shard_run, 1).run(iter([InputRange(0, 60)]))
    assert progress.done == 60 and len(list_parts(tmp_path / "out")) == 2
    assert [entry.number for entry in read_entries(tmp_path / "out")] == list(range(60))


def test_task_that_terminated_worker_did_not_start_is_processed_without_warning(
    tmp_path: Path, make_job: Callable[..., JobFile], fill: FolderFiller
) -> None:
    job = make_job(fill(tmp_path / "in", 5), masks=False)
    warnings: list[str] = []

    def terminate(now: JobProgress) -> None:
        if now.done <= 3:
            for child in psutil.Process().children():
                child.terminate()

    progress = JobProgress(5, terminate)
    inputs = open_inputs(tmp_path / "out", job)
    shard_run = ShardRun(tmp_path / "out", job, inputs, progress, StopRequest(), warnings.append)
    LocalExecutor(shard_run, 1).run(InputRange(start, start + 1) for start in range(5))
    assert (progress.done, warnings) == (5, [])


def test_workers_import_no_modules_from_current_folder(
    tmp_path: Path,
    make_job: Callable[..., JobFile],
    fill: FolderFiller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = make_job(fill(tmp_path / "in", 1))
    (tmp_path / "msgspec.py").write_text("import os; os._exit(9)")
    monkeypatch.chdir(tmp_path)
    assert run(Path("out"), job, 1).done == 1
    assert (tmp_path / "out" / "eye0_vessels.png").is_file()


def test_workers_find_relative_paths_of_environment(
    tmp_path: Path,
    make_job: Callable[..., JobFile],
    fill: FolderFiller,
    add_start_code: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = make_job(fill(tmp_path / "in", 1))
    add_start_code("open('started', 'w').close()")
    monkeypatch.setenv("PYTHONPATH", "site")
    monkeypatch.chdir(tmp_path)
    assert run(Path("out"), job, 1).done == 1
    assert (tmp_path / "started").is_file()


def test_file_with_failed_page_counts_as_failed(
    tmp_path: Path, make_job: Callable[..., JobFile]
) -> None:
    pages = [generate_photo(0, 160).photo, np.zeros((160, 160, 3), np.uint8)]
    (tmp_path / "in").mkdir()
    assert cv2.imwritemulti(str(tmp_path / "in" / "eyes.tif"), pages)
    progress = run(tmp_path / "out", make_job(tmp_path / "in"), 1)
    assert (progress.done, progress.failed) == (1, 1)


def test_full_disk_ends_job_with_exit_code_7_and_keeps_results(
    tmp_path: Path, make_job: Callable[..., JobFile], fill: FolderFiller
) -> None:
    job = make_job(fill(tmp_path / "in", 4))
    assert run(tmp_path / "out", job, 1, size=2).done == 4
    parts = [path for _, path in list_parts(tmp_path / "out")]
    parts[1].unlink()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.raises(EdgesegError) as caught:
            run(tmp_path / "out", job, 1, size=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert caught.value.exit_code == 7
    assert [path for _, path in list_parts(tmp_path / "out")] == parts[:1]
    assert run(tmp_path / "out", job, 1, size=2).done == 2
    assert len(list(read_entries(tmp_path / "out"))) == 4


def test_worker_that_does_not_start_ends_job(
    tmp_path: Path,
    make_job: Callable[..., JobFile],
    add_start_code: Callable[[str], None],
    fill: FolderFiller,
) -> None:
    job = make_job(fill(tmp_path / "in", 2))
    add_start_code("import os; os._exit(9)")
    with pytest.raises(EdgesegError) as caught:
        run(tmp_path / "out", job, 2)
    assert caught.value.exit_code == 7


@pytest.mark.slow
def test_photograph_that_hangs_fails_alone(
    tmp_path: Path,
    photographs: list[bytes],
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
    add_start_code: Callable[[str], None],
    fill: FolderFiller,
) -> None:
    folder = fill(tmp_path / "in", 3)
    (folder / "hanging.png").write_bytes(photographs[0])
    add_start_code(HANGING_READER)
    monkeypatch.setattr(executor_module, "STALLED_S", 2.0)
    assert run(tmp_path / "out", make_job(folder), 1, size=2).failed == 1
    failed = [
        entry.records[0].reasons
        for entry in read_entries(tmp_path / "out")
        if entry.records[0].status == "failed"
    ]
    assert failed == [("worker_died",)]
    assert len(list(read_entries(tmp_path / "out"))) == 4


@pytest.mark.slow
def test_killed_workers_are_replaced(
    tmp_path: Path, make_job: Callable[..., JobFile], fill: FolderFiller
) -> None:
    job = make_job(fill(tmp_path / "in", 60), masks=False)
    ended = threading.Event()
    killed: list[int] = []

    def kill_children() -> None:
        while not ended.wait(0.4) and len(killed) < 4:
            for child in psutil.Process().children():
                os.kill(child.pid, signal.SIGKILL)
                killed.append(child.pid)

    thread = threading.Thread(target=kill_children)
    thread.start()
    progress = run(tmp_path / "out", job, 2, size=8)
    ended.set()
    thread.join()
    assert killed
    assert progress.done == 60
    assert len(list(read_entries(tmp_path / "out"))) == 60
