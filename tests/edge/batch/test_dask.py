"""Jobs on a Dask cluster: results, rejected workers and stopping."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

pytest.importorskip("distributed", reason="needs the extra 'cluster'")

from distributed import Client

from edgeseg.batch import dask_executor, dask_health, dask_worker
from edgeseg.batch.dask_cluster import open_client
from edgeseg.batch.dask_executor import DaskExecutor
from edgeseg.batch.dask_health import ClusterHealth
from edgeseg.batch.dask_slot import DaskSlot
from edgeseg.batch.executor import STALLED_S
from edgeseg.batch.job import STATE_FOLDER, JobFile, open_inputs
from edgeseg.batch.parts import list_parts, missing_ranges, read_entries
from edgeseg.batch.progress import JobProgress
from edgeseg.batch.shard import Shard
from edgeseg.batch.shard_run import ShardRun
from edgeseg.errors import EdgesegError
from edgeseg.system.signals import StopRequest

FolderFiller: TypeAlias = Callable[[Path, int], Path]


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
    shard_run = ShardRun(output, job, inputs, progress, stop or StopRequest(), warn)
    DaskExecutor(client, shard_run).run(Shard().tasks(missing, size))
    return progress


def test_executor_writes_parts_and_counts_failures(
    client: Client,
    tmp_path: Path,
    photographs: list[bytes],
    make_job: Callable[..., JobFile],
    fill: FolderFiller,
) -> None:
    folder = fill(tmp_path / "in", 4)
    (folder / "eye_bad.png").write_bytes(photographs[0][:500])
    progress = run(client, tmp_path / "out", make_job(folder))
    assert (progress.done, progress.failed) == (5, 1)
    assert len(list(read_entries(tmp_path / "out"))) == 5
    assert len(list_parts(tmp_path / "out")) == 3


def test_worker_of_another_version_is_rejected_by_name(
    client: Client,
    tmp_path: Path,
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
    fill: FolderFiller,
) -> None:
    job = make_job(fill(tmp_path / "in", 1))
    monkeypatch.setattr(dask_worker, "__version__", "0.0.0")
    monkeypatch.setattr(dask_health, "ALL_REJECTED_S", 0.0)
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
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
    fill: FolderFiller,
) -> None:
    job = make_job(fill(tmp_path / "in", 1))
    other = msgspec.structs.replace(job, model=msgspec.structs.replace(job.model, sha256="0" * 64))
    (tmp_path / "out" / "job.json").write_bytes(msgspec.json.encode(other))
    monkeypatch.setattr(dask_health, "ALL_REJECTED_S", 0.0)
    with pytest.raises(EdgesegError) as caught:
        run(client, tmp_path / "out", other)
    assert caught.value.exit_code == 6


def test_worker_without_the_output_folder_is_rejected(
    client: Client,
    tmp_path: Path,
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
    fill: FolderFiller,
) -> None:
    job = make_job(fill(tmp_path / "in", 1))
    (tmp_path / "out" / "job.json").unlink()
    monkeypatch.setattr(dask_health, "ALL_REJECTED_S", 0.0)
    with pytest.raises(EdgesegError) as caught:
        run(client, tmp_path / "out", job)
    assert caught.value.exit_code == 7


def test_stop_request_finishes_task_and_keeps_its_results(
    client: Client,
    tmp_path: Path,
    make_job: Callable[..., JobFile],
    fill: FolderFiller,
) -> None:
    job = make_job(fill(tmp_path / "in", 6))
    stop = StopRequest()
    progress = JobProgress(6, lambda _: stop.ask())
    inputs = open_inputs(tmp_path / "out", job)
    shard_run = ShardRun(tmp_path / "out", job, inputs, progress, stop, print)
    DaskExecutor(client, shard_run).run(Shard().tasks(missing_ranges([], 6), 2))
    assert progress.done == 2
    assert run(client, tmp_path / "out", job).done == 4


def test_full_disk_ends_job_with_exit_code_7(
    client: Client,
    tmp_path: Path,
    make_job: Callable[..., JobFile],
    fill: FolderFiller,
) -> None:
    job = make_job(fill(tmp_path / "in", 2), masks=False)
    (tmp_path / "out" / STATE_FOLDER / "parts").write_text("a file instead of the folder")
    with pytest.raises(EdgesegError) as caught:
        run(client, tmp_path / "out", job)
    assert caught.value.exit_code == 7


def test_worker_that_does_not_finish_a_task_gets_no_other_task(
    client: Client,
    tmp_path: Path,
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
    fill: FolderFiller,
) -> None:
    """The worker cannot be replaced, because it has no nanny."""
    monkeypatch.setattr(dask_executor, "process_task", lambda *_: time.sleep(2.5))
    monkeypatch.setattr(dask_executor, "STALLED_S", 0.5)
    monkeypatch.setattr(dask_health, "NO_WORKER_S", 0.5)
    job = make_job(fill(tmp_path / "in", 2))
    lines: list[str] = []
    with pytest.raises(EdgesegError) as caught:
        run(client, tmp_path / "out", job, lines=lines)
    assert caught.value.exit_code == 7
    assert len(lines) == 1


def test_workers_that_end_at_their_start_end_the_job_only_without_a_usable_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_health, "START_DEATHS_S", 0.0)
    health = ClusterHealth(print)
    for _ in range(dask_health.MAX_START_DEATHS):
        assert health.check([]) is None
        health.add_start_death()
    error = health.check([])
    assert error is not None
    assert error.exit_code == 7
    assert health.check([DaskSlot("", is_usable=True)]) is None
    assert health.check([]) is None


def test_cluster_health_fails_when_the_only_check_does_not_end(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_health, "NO_WORKER_S", 0.0)
    health = ClusterHealth(print)
    slot = DaskSlot("", future=client.submit(int))
    assert health.check([slot]) is None
    slot.started -= STALLED_S
    error = health.check([slot])
    assert error is not None
    assert error.exit_code == 7


@pytest.mark.slow
def test_workers_are_replaced_after_a_number_of_photographs(
    tmp_path: Path,
    make_job: Callable[..., JobFile],
    monkeypatch: pytest.MonkeyPatch,
    fill: FolderFiller,
) -> None:
    monkeypatch.setattr(dask_executor, "RECYCLE_AFTER", 4)
    addresses: set[str] = set()
    submit = DaskExecutor._submit

    def record_and_submit(executor: DaskExecutor, slot: DaskSlot, *arguments: Any) -> None:
        addresses.add(slot.address)
        submit(executor, slot, *arguments)

    monkeypatch.setattr(DaskExecutor, "_submit", record_and_submit)
    job = make_job(fill(tmp_path / "in", 10), masks=False)
    with open_client("local:1") as local:
        assert run(local, tmp_path / "out", job).done == 10
    assert len(addresses) == 3
    assert len(list(read_entries(tmp_path / "out"))) == 10
