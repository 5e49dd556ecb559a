"""Measure how many tasks per second `edgeseg batch --dask` can schedule.

    python benchmarks/dask_simulation.py --tasks 4000 --workers 8 --sleep 0.25

A task contains 32 photographs, but the workers sleep instead of segmenting. W workers with tasks of
S seconds need W / S tasks per second. Therefore, 8 workers that sleep for 0.25 s need as many tasks
per second as 128 workers with tasks of 4 s. The result is one JSON object: tasks per second, the
overhead relative to the sleeping time, and the memory of the main process after each tenth of the
tasks. The main process contains the scheduler and the client.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path

import psutil

from edgeseg.batch import dask_executor
from edgeseg.batch.dask_cluster import open_client
from edgeseg.batch.dask_executor import DaskExecutor
from edgeseg.batch.dask_worker import TaskOutcome, WorkerCheck
from edgeseg.batch.job import JobFile, JobModel, JobOptions
from edgeseg.batch.job_input import InputFile, JobInput, encode_inputs
from edgeseg.batch.messages import PhotographDone
from edgeseg.batch.parts import InputRange
from edgeseg.batch.progress import JobProgress
from edgeseg.batch.shard_run import ShardRun
from edgeseg.system.signals import StopRequest

TASK_SIZE = 32
MB = 1 << 20


def main() -> None:
    """Run the simulation and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--sleep", type=float, default=0.25, help="seconds per task")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = simulate(Path(folder), options.tasks, options.workers, options.sleep)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


def simulate(folder: Path, tasks: int, workers: int, sleep: float) -> dict[str, object]:
    """Process tasks that only sleep. Return the task rates and the memory."""

    def sleep_task(_output: str, _job: bytes, _task: bytes) -> TaskOutcome:
        time.sleep(sleep)
        return TaskOutcome((PhotographDone(),) * TASK_SIZE)

    def accept_worker(_output: str, _job: bytes) -> WorkerCheck:
        return WorkerCheck("", 0, False)

    setattr(dask_executor, "process_task", sleep_task)  # noqa: B010 - not an export
    setattr(dask_executor, "check_worker", accept_worker)  # noqa: B010
    count = tasks * TASK_SIZE
    encoded = encode_inputs(
        [JobInput(f"site/eye{i}.jpg", f"/cohort/site/eye{i}.jpg", f"eye{i}") for i in range(count)]
    )
    listed = folder / "inputs.jsonl"
    listed.write_bytes(encoded)
    digest = hashlib.sha256(encoded).hexdigest()
    model = JobModel("default", "lean", "0" * 64, "fp32", "onnxruntime", "cpu", 1, 0.5)
    job = JobFile(
        input="/cohort", options=JobOptions(), model=model, count=count, task_size=TASK_SIZE,
        inputs_sha256=digest,
    )  # fmt: skip
    inputs = InputFile(listed, digest)
    process = psutil.Process()
    memory: list[int] = []

    def sample(progress: JobProgress) -> None:
        if progress.done % (count // 10) == 0:
            memory.append(process.memory_info().rss)

    with open_client(f"local:{workers}") as client:
        progress = JobProgress(count, sample)
        run = ShardRun(folder, job, inputs, progress, StopRequest(), print)
        executor = DaskExecutor(client, run)
        ranges = (InputRange(i, i + TASK_SIZE) for i in range(0, count, TASK_SIZE))
        start = time.perf_counter()
        executor.run(ranges)
        seconds = time.perf_counter() - start
    ideal = tasks * sleep / workers
    return {
        "tasks": tasks,
        "workers": workers,
        "sleep_s": sleep,
        "seconds": round(seconds, 1),
        "tasks_per_s": round(tasks / seconds, 1),
        "overhead": round(seconds / ideal - 1, 3) if ideal else 0.0,
        "memory_mb": [round(size / MB) for size in memory],
    }


if __name__ == "__main__":
    main()
