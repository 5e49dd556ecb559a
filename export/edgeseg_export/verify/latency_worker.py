"""Measure the latency of one file relative to another, in a process of its own.

    python -m edgeseg_export.verify.latency_worker BASELINE.onnx FILE.onnx SIZE THREADS

The answer, a number on standard output, is the median over rounds of FILE's latency divided by
BASELINE's. Both files are computed in every round, so that a change of the load affects both.
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

# After this time no further round starts.
MAX_S = 5.0


def main(arguments: list[str]) -> None:
    """Run the measurement specified on the command line."""
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
