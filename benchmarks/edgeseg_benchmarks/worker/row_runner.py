"""Measurement of one row in a separate process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Literal

from msgspec.structs import replace

from edgeseg.evaluation.scores import DataSetScores
from edgeseg.models.card import read_card
from edgeseg_benchmarks.options import BenchOptions
from edgeseg_benchmarks.record import BenchRow
from edgeseg_benchmarks.record.measures import DataSetMeasures
from edgeseg_benchmarks.remarks import compute_remarks
from edgeseg_benchmarks.rows import DEFAULT_RUNTIME, NCNN, RowSpec
from edgeseg_benchmarks.statistics import median_ratio, median_stages, summarize_latency
from edgeseg_benchmarks.worker.client import RoundTiming, WorkerProcess
from edgeseg_benchmarks.worker.process import RowError, elapsed_ms, python_module, time_command

MIN_ROUNDS = 3
MAX_ROUNDS = 20
SECONDS_PER_ROW = 8.0  # total time of all rounds of a row if --runs is not given
SLOW_START_MS = 5000  # if a cold start takes longer, it is measured only once


class RowRunner:
    """Measurement of one row. `attempt` executes a step unless an earlier step failed.

    Attributes:
        spec: row to measure.
        failure: reason why the row failed, or "".
        compute: data type or execution provider of the runtime.
        rounds: number of timed rounds.
        timings: timings of all finished rounds.

    Args:
        spec: row to measure.
        photograph: file of the photograph.
        options: options of the benchmark.
        function: name of the worker's function that times one round.
    """

    def __init__(
        self,
        spec: RowSpec,
        photograph: Path,
        options: BenchOptions,
        function: Literal["time_frame", "time_network"] = "time_frame",
    ) -> None:
        self.spec = spec
        self.failure = spec.failure
        self.compute = ""
        self.rounds = 0
        self.timings: list[RoundTiming] = []
        self._photograph = photograph
        self._options = options
        self._function = function
        self._cold_starts: list[float] = []
        self._row = BenchRow(*spec.key, remarks=spec.remarks, taken_by_auto=spec.taken_by_auto)
        self._stack = ExitStack()
        self.attempt(self._load)
        self.attempt(self._warm_up)

    def attempt(self, step: Callable[[], None]) -> None:
        """Execute a step. If the step fails, end the process and store the reason."""
        if self.failure:
            return
        try:
            step()
        except (RowError, ValueError) as error:
            self.failure = str(error)
            self.close()

    def time_round(self) -> None:
        """Measure the times of one round."""
        self.timings.append(self._process.call(self._function, RoundTiming))

    def read_memory(self) -> None:
        """Read the peak memory. ncnn is skipped, because its process also loads ONNX Runtime."""
        if self.spec.key.runtime != NCNN:
            peak = self._process.call("read_peak_memory", int)
            self._row = replace(self._row, peak_rss_bytes=peak or None)

    def time_cold_start(self) -> None:
        """Measure the time from the start of a new `edgeseg run` process until it reports the mask.

        ncnn is skipped, because `edgeseg run` does not support ncnn.
        """
        key = self.spec.key
        if key.runtime == NCNN or max(self._cold_starts, default=0) >= SLOW_START_MS:
            return
        command = [*python_module("edgeseg.__main__"), "run", str(self._photograph)]
        command += ["--model", str(self.spec.file), "--no-overlay", "--runtime", key.runtime]
        with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
            command += ["--threads", str(key.threads), "-o", folder]
            timing = time_command(command, self._options.timeout_s, threads=key.threads)
        self._cold_starts.append(timing.first_line_ms)

    def count_kernels(self) -> None:
        """Count the convolutions for each data type in ONNX Runtime.

        A new process is used, because profiling slows down a session.
        """
        if self.spec.key.runtime != DEFAULT_RUNTIME:
            return
        with closing(WorkerProcess(self._options.timeout_s)) as process:
            kernels = process.call(
                "count_kernels",
                dict[str, int],
                file=str(self.spec.file),
                size=self._row.size_px,
                threads=self.spec.key.threads,
            )
        self._row = replace(self._row, kernels=kernels)

    def score(self) -> None:
        """Compute the Dice on each data set."""
        for data in self._options.data if self.spec.scored else ():
            scores = self._process.call("score", DataSetScores, spec=data)
            self._row = replace(self._row, data_sets=(*self._row.data_sets, scores))

    def measure(self) -> None:
        """Measure the predicted masks of the data sets."""
        scored = self.spec.scored and self._options.measures
        for data in self._options.data if scored else ():
            measured = self._process.call("measure", DataSetMeasures, spec=data)
            self._row = replace(self._row, measured=(*self._row.measured, measured))

    def write_mask(self, file: Path) -> None:
        """Write the mask and the field of view to a file, (2, H, W) uint8."""
        self._process.call("write_mask", object, output=str(file))

    def close(self) -> None:
        """End the process."""
        self._stack.close()

    def result(self, first: RowRunner, peak_gflops: float) -> BenchRow:
        """Return the measurements.

        Args:
            first: first row, to which ratios are relative.
            peak_gflops: throughput of a large matrix product with the same number of threads; 0 if
                unknown.
        """
        if self.failure:
            return BenchRow(*self.spec.key, status=self.failure, remarks=self.spec.remarks)
        network, whole = self.times("network_ms"), self.times("end_to_end_ms")
        latency = summarize_latency(network)
        gflops = share = None
        if self._row.gmac is not None:
            gflops = 2 * self._row.gmac / (latency.p50 / 1e3)
            share = gflops / peak_gflops if gflops and peak_gflops else None
        return replace(
            self._row,
            network_ms=latency,
            end_to_end_ms=summarize_latency(whole),
            stages_ms=median_stages(self.timings),
            cold_start_ms=median(self._cold_starts) if self._cold_starts else None,
            ratio_to_first=median_ratio(network, first.times("network_ms")),
            end_to_end_ratio_to_first=median_ratio(whole, first.times("end_to_end_ms")),
            gflops=gflops,
            share_of_peak=share,
        )

    def times(self, name: Literal["network_ms", "end_to_end_ms"]) -> list[float]:
        """Return one time per round, in milliseconds."""
        return [getattr(timing, name) for timing in self.timings]

    def _load(self) -> None:
        assert self.spec.file is not None
        self._process = WorkerProcess(self._options.timeout_s)
        self._stack.callback(self._process.close)
        key = self.spec.key
        self.compute = self._process.call(
            "load",
            str,
            file=str(self.spec.file),
            photograph=str(self._photograph),
            runtime=key.runtime,
            threads=key.threads,
        )
        card = read_card(self.spec.file)
        self._row = replace(
            self._row,
            remarks=(*self._row.remarks, *compute_remarks(key.runtime, self.compute)),
            size_px=card.preprocessing.size,
            gmac=card.gmac,
            file_bytes=self.spec.file.stat().st_size,
        )

    def _warm_up(self) -> None:
        """Run untimed rounds.

        The duration of the last one determines the number of timed rounds.
        """
        spent = last = 0.0
        for _ in range(max(1, self._options.warmup)):
            if spent < SECONDS_PER_ROW:
                last = elapsed_ms(self.time_round) / 1e3
                spent += last
        self.timings.clear()
        fitting = max(MIN_ROUNDS, min(MAX_ROUNDS, int(SECONDS_PER_ROW / last)))
        self.rounds = self._options.rounds or fitting
        if not self.spec.scored:
            self.rounds = min(self.rounds, fitting)
