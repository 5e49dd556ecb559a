"""Jobs on a Dask cluster whose workers or client are killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec
import psutil
import pytest

pytest.importorskip("distributed", reason="needs the extra 'cluster'")

from edgeseg.batch.job import STATE_FOLDER
from edgeseg.batch.parts import list_parts, read_entries

FolderFiller: TypeAlias = Callable[[Path, int], Path]

BATCH = [sys.executable, "-m", "edgeseg", "batch"]
COMMON = ["--precision", "fp32", "--threads", "1"]
KILLS = 10

SLOW_READER = """
import time
import edgeseg.imaging.photo as photo
read = photo.read_photo_bytes
def read_slowly(*arguments):
    time.sleep(0.15)
    return read(*arguments)
photo.read_photo_bytes = read_slowly
"""


class Finished(NamedTuple):
    """Command that has ended."""

    returncode: int
    stderr: str
    kills: int


def contents(output: Path, state: bool = False) -> dict[str, bytes]:
    """Return the files of a job, without the part files unless `state` is true."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and (state or STATE_FOLDER not in path.parts)
    }


@contextmanager
def start_cluster(folder: Path, workers: int) -> Iterator[str]:
    """Start a scheduler and workers with nannies, each in a separate process.

    Yields the address after the workers have joined, because a nanny ends if its first worker is
    killed.
    """
    from distributed import Client

    folder.mkdir()
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
            address = msgspec.json.decode(address_file.read_bytes())["address"]
            with Client(address) as client:
                client.wait_for_workers(workers, timeout=60)
            yield address
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)


def dask_workers() -> list[psutil.Process]:
    """Return the worker processes that the nannies of this test have started."""
    found: list[psutil.Process] = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # the process has ended
            if "spawn_main" in " ".join(process.cmdline()):
                found.append(process)
    return found


def run_command(*arguments: str | Path, kills: int = 0) -> Finished:
    """Run a job and kill a random worker a number of times, also during the workers' start."""
    generator = random.Random(0)
    killed = 0
    command = [*BATCH, *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while killed < kills and process.poll() is None:
        time.sleep(generator.uniform(0.1, 0.9))
        with suppress(psutil.Error, IndexError):  # the process has ended, or no worker exists
            generator.choice(dask_workers()).kill()
            killed += 1
    stderr = process.communicate(timeout=300)[1]
    return Finished(process.returncode, stderr, killed)


@pytest.mark.slow
def test_local_cluster_writes_the_files_of_a_job_without_dask(
    tmp_path: Path, fill: FolderFiller
) -> None:
    folder = fill(tmp_path / "in", 12)
    options = ["--overlay", "--measures"]
    alone = run_command(folder, "-o", tmp_path / "alone", *COMMON, *options)
    done = run_command(folder, "-o", tmp_path / "dask", *COMMON, *options, "--dask", "local:2")
    assert (alone.returncode, done.returncode) == (0, 0), done.stderr
    files = contents(tmp_path / "dask", state=True)
    assert len(files) > 3 * 12
    assert files == contents(tmp_path / "alone", state=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, fill: FolderFiller) -> tuple[Path, Path]:
    """Input and output of a job without Dask, which has tasks of two photographs."""
    path = tmp_path_factory.mktemp("undisturbed")
    folder = fill(path / "in", 130)
    done = run_command(folder, "-o", path / "out", *COMMON)
    assert done.returncode == 0, done.stderr
    return folder, path / "out"


@pytest.mark.slow
@pytest.mark.parametrize("is_local", [True, False])
def test_workers_killed_at_random_give_equal_bytes(
    tmp_path: Path,
    undisturbed: tuple[Path, Path],
    add_start_code: Callable[[str], None],
    is_local: bool,
) -> None:
    folder, alone = undisturbed
    add_start_code(SLOW_READER)  # the job outlasts the kills
    arguments = [str(folder), "-o", str(tmp_path / "dask"), *COMMON, "--dask"]
    if is_local:
        done = run_command(*arguments, "local:2", kills=KILLS)
    else:
        with start_cluster(tmp_path / "cluster", 2) as address:
            done = run_command(*arguments, address, kills=KILLS)
    assert (done.returncode, done.kills) == (0, KILLS), done.stderr
    assert contents(tmp_path / "dask") == contents(alone)
    assert list(read_entries(tmp_path / "dask")) == list(read_entries(alone))


@pytest.mark.slow
def test_killed_client_is_resumed(
    tmp_path: Path, add_start_code: Callable[[str], None], fill: FolderFiller
) -> None:
    folder = fill(tmp_path / "in", 24)
    alone = run_command(folder, "-o", tmp_path / "alone", *COMMON)
    assert alone.returncode == 0, alone.stderr
    add_start_code(SLOW_READER)
    output = tmp_path / "dask"
    with start_cluster(tmp_path / "cluster", 1) as address:
        command = [*BATCH, str(folder), "-o", str(output), "--dask", address, *COMMON]
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while not list_parts(output) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
        process.wait()
        assert 0 < len(list_parts(output)) < 24
        done = run_command("-o", output, "--resume", "--dask", address)
    assert done.returncode == 0, done.stderr
    assert contents(output, state=True) == contents(tmp_path / "alone", state=True)


@pytest.mark.slow
def test_photograph_that_kills_workers_of_a_local_cluster_fails_alone(
    tmp_path: Path,
    photographs: list[bytes],
    add_start_code: Callable[[str], None],
    fill: FolderFiller,
    killing_reader: str,
) -> None:
    folder = fill(tmp_path / "in", 130)
    (folder / "killer.png").write_bytes(photographs[0])
    add_start_code(killing_reader)
    done = run_command(folder, "-o", tmp_path / "out", "--dask", "local:2", "--no-masks")
    assert done.returncode == 3, done.stderr
    records = [entry.records[0] for entry in read_entries(tmp_path / "out")]
    failed = [record for record in records if record.status == "failed"]
    assert len(records) == 131
    assert [Path(record.source).name for record in failed] == ["killer.png"]
    assert failed[0].reasons == ("worker_died",)
