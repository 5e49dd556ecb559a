"""Jobs on a Dask cluster: results, rejected workers, unexpected ends and resuming."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

pytest.importorskip("distributed", reason="needs the extra 'cluster'")

from distributed import Client

from edgeseg.batch import dask_executor, dask_worker
from edgeseg.batch.dask_cluster import check_address, local_workers, open_client
from edgeseg.batch.dask_executor import DaskExecutor
from edgeseg.batch.dask_slot import DaskSlot
from edgeseg.batch.job import STATE_FOLDER, JobFile, open_inputs
from edgeseg.batch.parts import list_parts, missing_ranges, read_entries
from edgeseg.batch.progress import JobProgress
from edgeseg.batch.shard import Shard
from edgeseg.errors import EdgesegError, UsageError
from edgeseg.system.signals import StopRequest

BATCH = [sys.executable, "-m", "edgeseg", "batch"]
KILLING_READER = """
import os, signal, sys
import edgeseg.imaging.photo as photo
read = photo.read_photo_bytes
def read_or_die(path):
    if path.name.startswith("killer"):
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path)
photo.read_photo_bytes = read_or_die
"""


def fill(folder: Path, photographs: list[bytes], count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"eye{number}.png").write_bytes(photographs[number % len(photographs)])
    return folder


def contents(output: Path) -> dict[str, bytes]:
    """Return the results: pictures, tables and the job, without parts and locks."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and STATE_FOLDER not in path.parts
    }


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Client of a cluster with one worker in this process."""
    dask_worker._open_processor.cache_clear()
    with Client(
        processes=False,
        n_workers=1,
        threads_per_worker=1,
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    ) as client:
        yield client
    dask_worker._open_processor.cache_clear()


def run(
    client: Client,
    output: Path,
    job: JobFile,
    stop: StopRequest | None = None,
    lines: list[str] | None = None,
    size: int = 2,
) -> JobProgress:
    progress = JobProgress(job.count, lambda _: None)
    missing = list(missing_ranges([done for done, _ in list_parts(output)], job.count))
    warn = print if lines is None else lines.append
    inputs = open_inputs(output, job)
    executor = DaskExecutor(client, output, job, inputs, progress, stop or StopRequest(), warn)
    executor.run(Shard().tasks(missing, size))
    return progress


@pytest.mark.parametrize(
    "address", ["tcp://192.0.2.1:8786", "192.0.2.1:8786", "tcp://cluster.example:8786"]
)
def test_address_without_tls_is_rejected_unless_insecure(address: str) -> None:
    with pytest.raises(UsageError):
        check_address(address, insecure=False)
    check_address(address, insecure=True)


@pytest.mark.parametrize(
    "address",
    ["tls://192.0.2.1:8786", "127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:8786", "local:3"],
)
def test_address_with_tls_or_of_this_machine_is_accepted(address: str) -> None:
    check_address(address, insecure=False)


@pytest.mark.parametrize("address", ["", "host", "http://localhost:1", "local:0", "local:x", "a:b"])
def test_invalid_address_is_rejected(address: str) -> None:
    with pytest.raises(UsageError):
        check_address(address, insecure=True)


def test_local_workers_returns_number() -> None:
    assert local_workers("local:12") == 12
    assert local_workers("127.0.0.1:12") is None


def test_executor_writes_parts_and_counts_failures(
    client: Client, tmp_path: Path, photographs: list[bytes], make_job: Callable[..., JobFile]
) -> None:
    folder = fill(tmp_path / "in", photographs, 4)
    (folder / "eye_bad.png").write_bytes(photographs[0][:500])
    progress = run(client, tmp_path / "out", make_job(folder))
    assert (progress.done, progress.failed, progress.bugs) == (5, 1, 0)
    assert len(list(read_entries(tmp_path / "out"))) == 5
    assert len(list_parts(tmp_path / "out")) == 3


def test_worker_of_another_version_is_rejected_by_name(
    client: Client,
    tmp_path: Path,
    photographs: list[bytes],
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = make_job(fill(tmp_path / "in", photographs, 1))
    monkeypatch.setattr(dask_worker, "__version__", "0.0.0")
    monkeypatch.setattr(dask_executor, "_ALL_REJECTED_S", 0.0)
    lines: list[str] = []
    with pytest.raises(EdgesegError) as caught:
        run(client, tmp_path / "out", job, lines=lines)
    assert caught.value.exit_code == 7
    (address,) = client.nthreads()
    assert address in lines[0]
    assert not list_parts(tmp_path / "out")


def test_worker_with_another_model_is_rejected(
    client: Client,
    tmp_path: Path,
    photographs: list[bytes],
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = make_job(fill(tmp_path / "in", photographs, 1))
    other = msgspec.structs.replace(job, model=msgspec.structs.replace(job.model, sha256="0" * 64))
    (tmp_path / "out" / "job.json").write_bytes(msgspec.json.encode(other))
    monkeypatch.setattr(dask_executor, "_ALL_REJECTED_S", 0.0)
    with pytest.raises(EdgesegError) as caught:
        run(client, tmp_path / "out", other)
    assert caught.value.exit_code == 6


def test_worker_without_the_output_folder_is_rejected(
    client: Client,
    tmp_path: Path,
    photographs: list[bytes],
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = make_job(fill(tmp_path / "in", photographs, 1))
    (tmp_path / "out" / "job.json").unlink()
    monkeypatch.setattr(dask_executor, "_ALL_REJECTED_S", 0.0)
    with pytest.raises(EdgesegError) as caught:
        run(client, tmp_path / "out", job)
    assert caught.value.exit_code == 7


def test_stop_request_finishes_task_and_keeps_what_is_done(
    client: Client, tmp_path: Path, photographs: list[bytes], make_job: Callable[..., JobFile]
) -> None:
    job = make_job(fill(tmp_path / "in", photographs, 6))
    stop = StopRequest()
    progress = JobProgress(6, lambda _: stop.ask())
    inputs = open_inputs(tmp_path / "out", job)
    executor = DaskExecutor(client, tmp_path / "out", job, inputs, progress, stop, print)
    executor.run(Shard().tasks(missing_ranges([], 6), 2))
    assert progress.done == 2
    assert run(client, tmp_path / "out", job).done == 4


def test_full_disk_ends_job_with_exit_code_7(
    client: Client,
    tmp_path: Path,
    photographs: list[bytes],
    make_job: Callable[..., JobFile],
) -> None:
    job = make_job(fill(tmp_path / "in", photographs, 2), masks=False)
    (tmp_path / "out" / STATE_FOLDER / "parts").write_text("a file instead of the folder")
    with pytest.raises(EdgesegError) as caught:
        run(client, tmp_path / "out", job)
    assert caught.value.exit_code == 7


def test_worker_that_does_not_finish_a_task_gets_no_other(
    client: Client,
    tmp_path: Path,
    photographs: list[bytes],
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker cannot be replaced, because it has no nanny."""
    monkeypatch.setattr(dask_executor, "process_task", lambda *_: time.sleep(2.5))
    monkeypatch.setattr(dask_executor, "STALLED_S", 0.5)
    monkeypatch.setattr(dask_executor, "_NO_WORKER_S", 0.5)
    job = make_job(fill(tmp_path / "in", photographs, 2))
    lines: list[str] = []
    with pytest.raises(EdgesegError) as caught:
        run(client, tmp_path / "out", job, lines=lines)
    assert caught.value.exit_code == 7
    assert len(lines) == 1


@pytest.mark.slow
def test_workers_are_replaced_after_a_number_of_photographs(
    tmp_path: Path,
    photographs: list[bytes],
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_executor, "RECYCLE_AFTER", 4)
    addresses: set[str] = set()
    submit = DaskExecutor._submit

    def record_and_submit(executor: DaskExecutor, slot: DaskSlot, *arguments: Any) -> None:
        addresses.add(slot.address)
        submit(executor, slot, *arguments)

    monkeypatch.setattr(DaskExecutor, "_submit", record_and_submit)
    job = make_job(fill(tmp_path / "in", photographs, 10), masks=False)
    with open_client("local:1") as local:
        assert run(local, tmp_path / "out", job).done == 10
    assert len(addresses) == 3
    assert len(list(read_entries(tmp_path / "out"))) == 10


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
    """Return the processes below the nannies of `start_cluster`."""
    found: list[psutil.Process] = []
    for nanny in psutil.Process().children():
        if str(folder) in nanny.cmdline() and "worker" in nanny.cmdline():
            for child in nanny.children():
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child)
    return found


def kill_at_random(folder: Path, times: int, ended: threading.Event) -> list[int]:
    """Kill a random worker a number of times while a job runs."""
    killed: list[int] = []
    generator = random.Random(0)
    while len(killed) < times and not ended.wait(generator.uniform(1.5, 3)):
        processes = worker_processes(folder)
        if processes:
            victim = generator.choice(processes)
            os.kill(victim.pid, signal.SIGKILL)
            killed.append(victim.pid)
    return killed


def run_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*BATCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.slow
def test_separate_workers_killed_at_random_give_equal_bytes(
    tmp_path: Path, photographs: list[bytes]
) -> None:
    folder = fill(tmp_path / "in", photographs, 70)
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
def test_killed_client_is_resumed(tmp_path: Path, photographs: list[bytes]) -> None:
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
    tmp_path: Path, photographs: list[bytes], monkeypatch: pytest.MonkeyPatch
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


@pytest.mark.parametrize(
    "options",
    [
        ["--dask", "local:2", "--workers", "2"],
        ["--dask", "local:2", "--shard", "1/2"],
        ["--dask", "tcp://192.0.2.1:8786"],
        ["--insecure"],
    ],
)
def test_command_rejects_options(options: list[str], tmp_path: Path) -> None:
    from click.testing import CliRunner

    from edgeseg.commands.batch import batch

    result = CliRunner().invoke(batch, [str(tmp_path), "-o", str(tmp_path / "out"), *options])
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "out").exists()
