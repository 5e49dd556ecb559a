"""Measure the latency of a file relative to another file, in a separate process.

    python -m edgeseg_export.verify.latency_worker BASELINE.onnx FILE.onnx SIZE THREADS

The program prints the ratio of the latencies of FILE and BASELINE (median over all rounds). Every
round measures both files, so that other processes affect both.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np

from edgeseg.runtimes.base import load_runtime

WARM_UP = 2
MIN_ROUNDS = 5
MAX_ROUNDS = 25

# Seconds after which no other round is started.
MAX_S = 5.0


def main(arguments: list[str]) -> None:
    """Measure the files given on the command line."""
    baseline, file, size, threads = arguments
    files = (Path(baseline), Path(file))
    runtimes = [load_runtime(f, int(size), "onnxruntime", int(threads)) for f in files]
    shape = (1, int(size), int(size), 3)
    photo = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for runtime in runtimes * WARM_UP:
        runtime.infer(photo)
    ratios: list[float] = []
    start = time.perf_counter()
    while len(ratios) < MAX_ROUNDS:
        seconds = []
        for runtime in runtimes:
            begin = time.perf_counter()
            runtime.infer(photo)
            seconds.append(time.perf_counter() - begin)
        ratios.append(seconds[1] / seconds[0])
        if len(ratios) >= MIN_ROUNDS and time.perf_counter() - start > MAX_S:
            break
    print(statistics.median(ratios))  # noqa: T201 - the answer


if __name__ == "__main__":
    main(sys.argv[1:])
