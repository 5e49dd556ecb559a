"""The benchmark: rows take turns round by round, and only one process computes at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgeseg.device import cpu, describe_device, device_warnings, installed_versions
from edgeseg.system.files import write_atomically
from edgeseg_benchmarks import reference_model
from edgeseg_benchmarks.options import BenchOptions, ShowProgress
from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import BenchRow, format_threads
from edgeseg_benchmarks.remarks import add_remarks
from edgeseg_benchmarks.rows import select_rows
from edgeseg_benchmarks.worker.client import RowError, WorkerProcess
from edgeseg_benchmarks.worker.row_runner import RowRunner

PHOTOGRAPH_SIZE = 2048
SEED = 29
MATRIX_SIDE = 2048
COLD_STARTS = 3
PEAK_ROUNDS = 5


def run_bench(options: BenchOptions, show: ShowProgress = lambda _: None) -> BenchRecord:
    """Measure.

    Args:
        options: what to measure.
        show: called with the current step.

    Raises:
        UsageError: the name of a data set is unknown.
        SystemSetupError: a data set or the extra of `--reference` is missing.
    """
    _check_requirements(options)
    device = describe_device()
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        photograph = write_photograph(Path(folder) / "fundus.png", show)
        specs = select_rows(options)
        if options.reference:
            show("creating ResUNet-Deeper")
            specs += reference_model.reference_rows(Path(folder), options)
        threads = sorted({spec.key.threads for spec in specs})
        peaks = {number: PeakRunner(number, options.timeout_s) for number in threads}
        rows: list[RowRunner] = []
        try:
            for spec in specs:
                show(f"loading {spec.key}")
                rows.append(RowRunner(spec, photograph, options))
            _time_rounds(rows, list(peaks.values()), show)
            _finish_rows(rows, show)
        finally:
            for runner in (*rows, *peaks.values()):
                runner.close()  # type: ignore[attr-defined]
    record = BenchRecord(
        device=device,
        versions=installed_versions(),
        rows=_collect_rows(rows, peaks),
        photographs=f"a synthetic photograph of {PHOTOGRAPH_SIZE}x{PHOTOGRAPH_SIZE} pixels "
        f"(PNG, seed {SEED})",
        rounds=max(len(row.timings) for row in rows),
        peak_gflops={number: peak.gflops for number, peak in peaks.items() if peak.gflops},
        warnings=(*device_warnings(device), *_late_warnings(device.throttling, threads)),
    )
    return add_remarks(record)


def write_photograph(file: Path, show: ShowProgress) -> Path:
    """Write the synthetic photograph that every row is timed on."""
    from edgeseg.imaging.photo import encode_png
    from edgeseg.synthetic import generate_photo

    show("generating a photograph")
    write_atomically(file, encode_png(generate_photo(SEED, PHOTOGRAPH_SIZE).photo))
    return file


class PeakRunner:
    """Measures the FP32 throughput of this machine with a large matrix product.

    Attributes:
        gflops: 10^9 operations per second of the best round; 0 without enough memory.
    """

    def __init__(self, threads: int, timeout_s: float) -> None:
        self.gflops = 0.0
        self._arguments = {"threads": threads, "side": MATRIX_SIDE}
        self._process = WorkerProcess(timeout_s, threads)
        self.close = self._process.close

    def time_round(self) -> None:
        """Time one matrix product."""
        try:
            gflops = self._process.call("multiply_matrices", float, self._arguments)
            self.gflops = max(self.gflops, gflops)
        except RowError:
            self.close()


def _check_requirements(options: BenchOptions) -> None:
    """Report errors of the data sets now, not after minutes."""
    from edgeseg.datasets import open_data

    for spec in options.data:
        open_data(spec, "test")
    if options.reference:
        reference_model.check_installed()


def _time_rounds(
    rows: Sequence[RowRunner], peaks: Sequence[PeakRunner], show: ShowProgress
) -> None:
    """Time the rows in turn (A B C A B C): a drifting clock drifts for all of them.

    The matrix product always takes PEAK_ROUNDS rounds: a single one may be far below the peak.
    """
    rounds = max(row.rounds for row in rows)
    for number in range(max(rounds, PEAK_ROUNDS)):
        show(f"round {min(number + 1, rounds)} of {rounds}")
        for peak in peaks if number < PEAK_ROUNDS else ():
            peak.time_round()
        for row in rows:
            if number < row.rounds:
                row.attempt(row.time_round)
    for row in rows:
        row.attempt(row.read_memory)


def _finish_rows(rows: Sequence[RowRunner], show: ShowProgress) -> None:
    """Take the measurements that need a process of their own or a long time."""
    for number in range(COLD_STARTS):
        show(f"cold start {number + 1} of {COLD_STARTS}")
        for row in rows:
            row.attempt(row.time_cold_start)
    for row in rows:
        show(f"kernels and Dice of {row.spec.key}")
        row.attempt(row.count_kernels)
        row.attempt(row.score)
        row.close()


def _collect_rows(rows: Sequence[RowRunner], peaks: dict[int, PeakRunner]) -> tuple[BenchRow, ...]:
    """Return the measurements; ratios refer to the first row that did not fail."""
    measured = [row for row in rows if not row.failure] or rows
    return tuple(row.result(measured[0], peaks[row.spec.key.threads].gflops) for row in rows)


def _late_warnings(throttling: Sequence[str], threads: Sequence[int]) -> list[str]:
    """Return warnings about throttling that the benchmark itself caused, and about threads."""
    warnings = []
    for reason in describe_device().throttling:
        if reason not in throttling:
            warnings.append(f"CPU throttling now: {reason}")
    cores = cpu.usable_cores()
    for number in threads:
        if number > cores:
            usable = "1 usable core" if cores == 1 else f"{cores} usable cores"
            warnings.append(f"{format_threads(number)} on {usable}: threads wait for each other")
    return warnings
