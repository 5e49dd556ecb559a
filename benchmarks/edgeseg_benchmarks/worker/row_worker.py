"""The process of a row: loads one model and answers requests, one JSON object per line.

Sessions in one process take time from each other (their idle threads spin). Therefore each row has
a process of its own, and only the one that was called computes.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

import edgeseg  # noqa: F401  first: it keeps ONNX Runtime from opening a connection
from edgeseg.errors import EdgesegError, one_line
from edgeseg_benchmarks.statistics import RoundTiming
from edgeseg_benchmarks.worker.affinity import pin
from edgeseg_benchmarks.worker.client import Reply, Request, die_with_parent

if TYPE_CHECKING:
    from edgeseg.runtimes.base import Runtime, RuntimeChoice


class ModelFacts(msgspec.Struct, frozen=True):
    """What the loaded model and its runtime report.

    Attributes:
        size_px: working size.
        gmac: 10^9 multiply-accumulate operations per image.
        compute: data type or execution provider that the runtime computes in.
    """

    size_px: int
    gmac: float | None
    compute: str


class Worker:
    """The functions that a client can call; `load` first, where a model is required."""

    def load(self, file: str, runtime: str, threads: int, photograph: str) -> ModelFacts:
        """Load a model and the photograph that it is timed on, on pinned cores."""
        pin(threads)
        import cv2

        from edgeseg.models.card import read_card
        from edgeseg.segmenter import Segmenter

        cv2.setNumThreads(threads)
        card = read_card(Path(file))
        loaded = cast("RuntimeChoice | Runtime", runtime)
        if runtime == "ncnn":
            from edgeseg_benchmarks.worker.ncnn_backend import Ncnn

            loaded = Ncnn(Path(file), card.preprocessing.size, threads)
        self.segmenter = Segmenter(file, runtime=loaded, threads=threads)
        self.photograph = Path(photograph).read_bytes()
        self.tensor = self.segmenter.prepare(self.photograph).tensor
        return ModelFacts(card.preprocessing.size, card.gmac, self.segmenter.runtime.compute)

    def time_frame(self) -> RoundTiming:
        """Time the network alone, then end to end, after an untimed frame.

        The untimed frame fills the caches, which contain another row's data.
        """
        self.segmenter.segment(self.photograph)
        network_ms = self._time_inference()
        start = time.perf_counter()
        segmentation = self.segmenter.segment(self.photograph)
        end_to_end_ms = (time.perf_counter() - start) * 1e3
        return RoundTiming(network_ms, end_to_end_ms, segmentation.timings)

    def time_network(self) -> float:
        """Return the milliseconds of the network alone, after an untimed run."""
        self.segmenter.runtime.infer(self.tensor)
        return self._time_inference()

    def write_mask(self, output: str) -> str:
        """Write mask and field of view, (2, H, W) uint8; return the runtime's `compute`."""
        import numpy as np

        segmentation = self.segmenter.segment(self.photograph)
        np.save(output, np.stack([segmentation.mask, segmentation.fov.mask]))
        return self.segmenter.runtime.compute

    def score(self, spec: str) -> dict[str, object]:
        """Score a data set's test split as `edgeseg evaluate` does; returns `DataSetScores`."""
        from edgeseg.datasets import open_data
        from edgeseg.evaluation.protocols import evaluate

        return evaluate(self.segmenter, open_data(spec, "test"), "native").to_dict()

    def read_peak_memory(self) -> int:
        """Return the peak resident memory of this process in bytes, 0 if unknown.

        Not from getrusage: on Linux its value includes the memory of the parent process at the time
        when it started this one. psutil does not offer the peak on Linux.
        """
        status = Path("/proc/self/status")
        for line in status.read_text().splitlines() if status.exists() else ():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0

    def multiply_matrices(self, threads: int, side: int) -> float:
        """Return the 10^9 operations per second of one FP32 matrix product."""
        pin(threads)
        import numpy as np

        matrix = np.random.default_rng(0).random((side, side), np.float32)
        matrix @ matrix  # untimed
        start = time.perf_counter()
        matrix @ matrix
        return 2 * side**3 / (time.perf_counter() - start) / 1e9

    def count_kernels(self, file: str, threads: int) -> dict[str, int]:
        """Count the convolutions of a model file by data type."""
        from edgeseg.runtimes.onnx_profile import kernel_types

        pin(threads)
        return kernel_types(Path(file), threads)

    def _time_inference(self) -> float:
        start = time.perf_counter()
        self.segmenter.runtime.infer(self.tensor)
        return (time.perf_counter() - start) * 1e3


def answer(worker: Worker, line: bytes) -> Reply:
    """Call the requested function; errors become a reply, so that the benchmark continues."""
    request = msgspec.json.decode(line, type=Request)
    try:
        value = getattr(worker, request.function)(**request.arguments)
        return Reply(msgspec.Raw(msgspec.json.encode(value)))
    except EdgesegError as error:
        return Reply(error=one_line(error))
    except MemoryError:
        return Reply(error="out of memory")
    except Exception as error:  # runtimes raise errors without a common base class
        return Reply(error=f"{type(error).__name__}: {one_line(error)}")


def main() -> None:
    """Answer requests until standard input ends.

    Replies go to a copy of standard output; what a library prints goes to standard error.
    """
    die_with_parent()
    worker = Worker()
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        for line in sys.stdin.buffer:
            output.write(msgspec.json.encode(answer(worker, line)) + b"\n")
            output.flush()
