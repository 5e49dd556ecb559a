"""Jobs on a Dask cluster whose workers or client are killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import msgspec
import psutil
import pytest

pytest.importorskip("distributed", reason="needs the extra 'cluster'")

from edgeseg.batch.job import STATE_FOLDER
from edgeseg.batch.parts import list_parts, read_entries

FolderFiller: TypeAlias = Callable[[Path, list[bytes], int], Path]

BATCH = [sys.executable, "-m", "edgeseg", "batch"]
KILLING_READER = """
import os, signal, sys
import edgeseg.imaging.photo as photo
read = photo.read_photo_bytes
def read_or_die(path, *arguments):
    if path.name.startswith("killer"):
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path, *arguments)
photo.read_photo_bytes = read_or_die
"""


def contents(output: Path) -> dict[str, bytes]:
    """Return the results: masks, overlays, tables and the job, without parts and locks."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and STATE_FOLDER not in path.parts
    }


@contextmanager
def start_cluster(folder: Path, workers: int) -> Iterator[tuple[str, psutil.Process]]:
    """Start a scheduler and workers with nannies, each in a separate process."""
    address_file = folder / "scheduler.json"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    options = ["--host", "127.0.0.1", "--scheduler-file", str(address_file), "--no-dashboard"]
    programs = [["scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0", *options]]
    for _ in range(workers):
        programs.append(["worker", "--nthreads", "1", "--local-directory", str(folder), *options])
    processes: list[subprocess.Popen[bytes]] = []
    log = (folder / "cluster.log").open("wb")
    with log:
        try:
            for program in programs:
                command = [sys.executable, "-m", "dask", *program]
                processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            deadline = time.monotonic() + 60
            while not address_file.exists() or not address_file.read_bytes().endswith(b"}"):
                assert time.monotonic() < deadline, (folder / "cluster.log").read_text()
                time.sleep(0.1)
            yield msgspec.json.decode(address_file.read_bytes())["address"], psutil.Process()
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)


def worker_processes(folder: Path) -> list[psutil.Process]:
    """Return the worker processes that the nannies of `start_cluster` have started."""
    found: list[psutil.Process] = []
    for nanny in psutil.Process().children():
        with suppress(psutil.Error):  # a process has ended
            if str(folder) in nanny.cmdline() and "worker" in nanny.cmdline():
                children = nanny.children()
                found += [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    return found


def kill_at_random(folder: Path, times: int, ended: threading.Event) -> list[int]:
    """Kill a random worker a number of times while a job runs.

    Workers that have just started are not killed, because a nanny gives up if its worker ends
    during the start.
    """
    killed: list[int] = []
    generator = random.Random(0)
    while len(killed) < times and not ended.wait(generator.uniform(0.1, 0.5)):
        with suppress(psutil.Error, IndexError):  # a process has ended, or no worker is old enough
            workers = worker_processes(folder)
            started = [worker for worker in workers if time.time() - worker.create_time() > 4]
            victim = generator.choice(started)
            victim.kill()
            killed.append(victim.pid)
    return killed


def run_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*BATCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.slow
def test_separate_workers_killed_at_random_give_equal_bytes(
    tmp_path: Path, photographs: list[bytes], fill: FolderFiller
) -> None:
    folder = fill(tmp_path / "in", photographs, 200)
    common = ["--measures", "--precision", "fp32", "--threads", "1"]
    alone = run_command(folder, "-o", tmp_path / "alone", "--workers", "2", *common)
    assert alone.returncode == 0
    (tmp_path / "cluster").mkdir()
    ended = threading.Event()
    killed: list[int] = []
    with start_cluster(tmp_path / "cluster", 2) as (address, _):
        killer = threading.Thread(
            target=lambda: killed.extend(kill_at_random(tmp_path / "cluster", 2, ended))
        )
        killer.start()
        try:
            done = run_command(folder, "-o", tmp_path / "dask", "--dask", address, *common)
        finally:
            ended.set()
            killer.join()
    assert done.returncode == 0, done.stderr
    assert killed
    assert contents(tmp_path / "dask") == contents(tmp_path / "alone")


@pytest.mark.slow
def test_killed_client_is_resumed(
    tmp_path: Path, photographs: list[bytes], fill: FolderFiller
) -> None:
    folder = fill(tmp_path / "in", photographs, 40)
    common = ["--precision", "fp32", "--threads", "1"]
    alone = run_command(folder, "-o", tmp_path / "alone", "--workers", "2", *common)
    assert alone.returncode == 0
    output = tmp_path / "dask"
    (tmp_path / "cluster").mkdir()
    with start_cluster(tmp_path / "cluster", 1) as (address, _):
        command = [*BATCH, str(folder), "-o", str(output), "--dask", address, *common]
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while not list_parts(output) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
        process.wait()
        assert len(list_parts(output)) < 40
        done = run_command("-o", output, "--resume", "--dask", address)
    assert done.returncode == 0, done.stderr
    assert contents(output) == contents(tmp_path / "alone")


@pytest.mark.slow
def test_photograph_that_kills_workers_of_a_local_cluster_fails_alone(
    tmp_path: Path, photographs: list[bytes], monkeypatch: pytest.MonkeyPatch, fill: FolderFiller
) -> None:
    folder = fill(tmp_path / "in", photographs, 70)
    (folder / "killer.png").write_bytes(photographs[0])
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(KILLING_READER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    done = run_command(folder, "-o", tmp_path / "out", "--dask", "local:2", "--no-masks")
    assert done.returncode == 3, done.stderr
    records = [entry.records[0] for entry in read_entries(tmp_path / "out")]
    failed = [record for record in records if record.status == "failed"]
    assert len(records) == 71
    assert [Path(record.source).name for record in failed] == ["killer.png"]
    assert failed[0].reasons == ("worker_died",)
