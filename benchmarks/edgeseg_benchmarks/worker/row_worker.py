"""Process of a row: load a model and reply to requests. Each message is one line of JSON.

Sessions in one process slow each other down, because their idle threads use the CPU (spin).
Therefore, each row has a separate process, and only one process computes at a time.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edgeseg.errors import EdgesegError, one_line
from edgeseg_benchmarks.record.measures import DataSetMeasures
from edgeseg_benchmarks.worker.client import Reply, RoundTiming
from edgeseg_benchmarks.worker.process import die_with_parent, elapsed_ms, pin


class Worker:
    """Functions that a client can call.

    `load` must be called before a function that requires a model.
    """

    def load(self, file: str, runtime: Any, threads: int, photograph: str) -> str:  # noqa: ANN401
        """Load a model and the photograph for the timing, and pin the process to cores.

        Returns:
            Data type or execution provider of the runtime.
        """
        pin(threads)
        import cv2

        from edgeseg.segmenter import Segmenter

        cv2.setNumThreads(threads)
        if runtime == "ncnn":
            from edgeseg_benchmarks.worker.ncnn_backend import Ncnn

            runtime = Ncnn(Path(file), threads)
        self.segmenter = Segmenter(file, runtime=runtime, threads=threads)
        self.photograph = Path(photograph).read_bytes()
        self.tensor = self.segmenter.prepare(self.photograph).tensor
        return self.segmenter.runtime.compute

    def time_frame(self) -> RoundTiming:
        """Time the network, then the whole path from file to mask.

        Before this, an untimed frame is processed, because the CPU caches contain data of another
        row.
        """
        self.segmenter.segment(self.photograph)
        network_ms = self._time_inference()
        start = time.perf_counter()
        segmentation = self.segmenter.segment(self.photograph)
        end_to_end_ms = (time.perf_counter() - start) * 1e3
        return RoundTiming(network_ms, end_to_end_ms, segmentation.timings)

    def time_network(self) -> RoundTiming:
        """Run the network once untimed, then time it."""
        self.segmenter.runtime.infer(self.tensor)
        return RoundTiming(self._time_inference(), 0.0, {})

    def write_mask(self, output: str) -> None:
        """Write the mask and the field of view to a file, (2, H, W) uint8."""
        segmentation = self.segmenter.segment(self.photograph)
        np.save(output, np.stack([segmentation.mask, segmentation.fov.mask]))

    def score(self, spec: str) -> dict[str, object]:
        """Score the test split of a data set as in `edgeseg evaluate`. Return `DataSetScores`."""
        from edgeseg.datasets import open_data
        from edgeseg.evaluation.protocols import evaluate

        return evaluate(self.segmenter, open_data(spec, "test"), "native").to_dict()

    def measure(self, spec: str) -> DataSetMeasures:
        """Measure the predicted masks of a data set's test split.

        Photographs that cannot be segmented are omitted.
        """
        from edgeseg.datasets import open_data
        from edgeseg.measures.values import DEFINITIONS_VERSION
        from edgeseg_benchmarks.gate.result import MEASURE_CHANGES

        data_set = open_data(spec, "test")
        photographs: dict[str, dict[str, float | None]] = {}
        for pair in data_set.pairs:
            try:
                segmentation = self.segmenter.segment(pair.load().photo, pair.name)
            except EdgesegError:
                continue
            # The vessel density is the value of the largest field of view.
            measures = max(segmentation.measures(), key=lambda each: each.fov_diameter_px)
            values = measures.values
            figures = {} if values is None else msgspec.structs.asdict(values)
            figures["vessel_density"] = measures.vessel_density
            photographs[pair.name] = {name: figures.get(name) for name in MEASURE_CHANGES}
        return DataSetMeasures(data_set.name, data_set.split, DEFINITIONS_VERSION, photographs)

    def read_peak_memory(self) -> int:
        """Return the peak resident memory of this process in bytes; 0 if unknown.

        On Linux, the value of getrusage also includes the memory that the parent process used when
        it started this process. psutil does not provide the peak.
        """
        status = Path("/proc/self/status")
        for line in status.read_text().splitlines() if status.exists() else ():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0

    def measure_peak(self, threads: int, side: int, rounds: int) -> float:
        """Return the throughput of an FP32 matrix product in GFLOP/s. The fastest round is used.

        A single round may be far below the peak.
        """
        pin(threads)
        matrix = np.random.default_rng(0).random((side, side), np.float32)
        times = [elapsed_ms(lambda: matrix @ matrix) for _ in range(rounds + 1)]
        return 2 * side**3 / min(times[1:]) / 1e6  # the first round is a warm-up

    def count_kernels(self, file: str, size: int, threads: int) -> dict[str, int]:
        """Count the convolutions of a model file with this working size for each data type."""
        from edgeseg.runtimes.onnx_profile import kernel_types

        pin(threads)
        return kernel_types(Path(file), size, threads)

    def _time_inference(self) -> float:
        return elapsed_ms(lambda: self.segmenter.runtime.infer(self.tensor))


def answer(worker: Worker, line: bytes) -> Reply:
    """Call the requested function.

    Errors are returned as a reply, so that the benchmark continues.
    """
    function, arguments = json.loads(line)
    try:
        value = getattr(worker, function)(**arguments)
        return Reply(msgspec.Raw(msgspec.json.encode(value)))
    except EdgesegError as error:
        return Reply(error=one_line(error))
    except MemoryError:
        return Reply(error="out of memory")
    except Exception as error:  # the exceptions of the runtimes have no common base class
        return Reply(error=f"{type(error).__name__}: {one_line(error)}")


def main() -> None:
    """Reply to requests until the end of standard input.

    Replies are written to a copy of standard output. Output of libraries is redirected to standard
    error.
    """
    die_with_parent()
    worker = Worker()
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        for line in sys.stdin.buffer:
            output.write(msgspec.json.encode(answer(worker, line)) + b"\n")
            output.flush()
