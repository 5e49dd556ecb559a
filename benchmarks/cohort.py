"""Run `edgeseg batch` on a tree of links to DRIVE and STARE, and check rows, failures and memory.

    python benchmarks/cohort.py DATA FOLDER --count 20000 --workers 2

DATA contains DRIVE/ and STARE/ in their published layouts. One percent of the inputs are truncated.
Folders and names have accents and spaces. The result is one JSON object with the photographs per
second, the resident memory of the workers over the run, and the numbers of rows and failures. The
rate excludes the time for collecting the inputs and starting the workers.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import psutil

SAMPLE_S = 2.0
MB = 1 << 20


def make_tree(data: Path, folder: Path, count: int) -> set[str]:
    """Create a tree of links to photographs, with some truncated copies.

    Returns:
        The names of the truncated copies.
    """
    photographs = sorted(data.glob("DRIVE/*/images/*.tif"))
    photographs += sorted(data.glob("STARE/stare-images/*.ppm.gz"))
    truncated: set[str] = set()
    for number in range(count):
        source = photographs[number % len(photographs)]
        suffix = "".join(source.suffixes)
        site = (
            folder / f"hôpital {number % 7}" / f"patiënt {number // 40:05}" / f"visit {number % 4}"
        )
        path = site / f"œil {number}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 100 == 50:
            path.write_bytes(source.read_bytes()[:3000])
            truncated.add(path.name)
        else:
            path.symlink_to(source)
    return truncated


def sample_memory(process: psutil.Process) -> tuple[float, list[float]]:
    """Return the resident memory in MB of the main process and of each worker."""
    try:
        workers = process.children()
        return process.memory_info().rss / MB, [one.memory_info().rss / MB for one in workers]
    except psutil.NoSuchProcess:
        return 0.0, []


def run_batch(command: list[str]) -> tuple[float, int, list[tuple[float, list[float]]]]:
    """Run the command and return its duration in seconds, its exit code and the memory samples."""
    samples: list[tuple[float, list[float]]] = []
    start = time.perf_counter()
    with subprocess.Popen(command) as child:
        process = psutil.Process(child.pid)
        while child.poll() is None:
            samples.append(sample_memory(process))
            time.sleep(SAMPLE_S)
    return time.perf_counter() - start, child.returncode, samples


def processing_rate(output: Path, workers: int) -> float:
    """Return the photographs per second after each worker has written its first part file.

    The parts up to this time are not counted, because they include the start of the workers.
    """
    parts = sorted(
        output.glob(".edgeseg-batch/parts/*/*.gz"), key=lambda path: path.stat().st_mtime_ns
    )
    counted = 0
    for path in parts[workers:]:
        start, _, stop = path.name.partition(".")[0].partition("-")
        counted += int(stop) - int(start)
    seconds = parts[-1].stat().st_mtime - parts[min(workers, len(parts)) - 1].stat().st_mtime
    return counted / max(seconds, 1e-3)


def summarize_memory(samples: list[tuple[float, list[float]]]) -> dict[str, object]:
    """Return the peak memory of a worker and of the main process in each tenth of the run."""
    step = -(-len(samples) // 10)
    tenths = [samples[start : start + step] for start in range(0, len(samples), step)]
    workers = [max((max(one, default=0) for _, one in tenth), default=0) for tenth in tenths]
    mains = [max(main for main, _ in tenth) for tenth in tenths]
    return {"worker_mb": [round(mb) for mb in workers], "main_mb": [round(mb) for mb in mains]}


def main() -> None:
    """Create the tree, run the job and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--measures", action="store_true")
    arguments = parser.parse_args()
    truncated = make_tree(arguments.data.resolve(), arguments.folder / "in", arguments.count)
    output = arguments.folder / "out"
    command = [sys.executable, "-m", "edgeseg", "batch", str(arguments.folder / "in"), "-o",
               str(output), "--no-masks", "--workers", str(arguments.workers), "--threads",
               str(arguments.threads)]  # fmt: skip
    command += ["--measures"] if arguments.measures else []
    seconds, exit_code, samples = run_batch(command)
    with (output / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    failed = {Path(row["source"]).name for row in rows if row["status"] == "failed"}
    result = {
        "inputs": arguments.count,
        "rows": len(rows),
        "failed": len(failed),
        "only_truncated_failed": failed == truncated,
        "exit_code": exit_code,
        "workers": arguments.workers,
        "seconds": round(seconds, 1),
        "photographs_per_s": round(processing_rate(output, arguments.workers), 2),
        **summarize_memory(samples),
    }
    print(json.dumps(result))  # noqa: T201 - output of the script


if __name__ == "__main__":
    main()
