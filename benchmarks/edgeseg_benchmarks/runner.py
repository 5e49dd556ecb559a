"""Run a benchmark. The rows are measured alternately, one process at a time."""

from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from edgeseg.console import ShowProgress, plural
from edgeseg.datasets import open_data
from edgeseg.device import cpu, describe_device, device_warnings, installed_versions
from edgeseg.system.files import write_atomically
from edgeseg.system.scratch_folder import scratch_folder
from edgeseg_benchmarks import reference_model
from edgeseg_benchmarks.options import BenchOptions
from edgeseg_benchmarks.record import BenchRecord
from edgeseg_benchmarks.remarks import add_remarks
from edgeseg_benchmarks.rows import require_extra, require_runtimes, select_rows
from edgeseg_benchmarks.worker.client import WorkerProcess
from edgeseg_benchmarks.worker.process import RowError
from edgeseg_benchmarks.worker.row_runner import RowRunner

PHOTOGRAPH_SIZE = 2048
SEED = 29
MATRIX_SIDE = 2048
COLD_STARTS = 3
PEAK_ROUNDS = 5


def run_bench(options: BenchOptions, show: ShowProgress = lambda _: None) -> BenchRecord:
    """Run a benchmark and return its record.

    Args:
        options: options of the benchmark.
        show: callback for the current step.

    Raises:
        UsageError: The name of a data set is unknown.
        SystemSetupError: A data set, a runtime, or the extra for `--reference` is missing.
    """
    require_runtimes(options.runtimes)
    for data in options.data:
        open_data(data, "test")  # report errors before the measurements
    if options.reference:
        require_extra("export", "--reference", "torch", "onnxconverter_common")
    device = describe_device()
    with scratch_folder() as folder:
        photograph = write_photograph(folder / "fundus.png", show)
        specs = select_rows(options)
        if options.reference:
            show("creating ResUNet-Deeper")
            specs += reference_model.reference_rows(folder, options)
        threads = sorted({spec.key.threads for spec in specs})
        show("measuring the peak throughput")
        peaks = {number: measure_peak(number, options.timeout_s) for number in threads}
        rows: list[RowRunner] = []
        with ExitStack() as stack:
            for spec in specs:
                show(f"loading {spec.key}")
                rows.append(stack.enter_context(closing(RowRunner(spec, photograph, options))))
            rounds = time_rounds(rows, show)
            _finish_rows(rows, show)
    # Ratios are relative to the first measured row.
    first = next((row for row in rows if not row.failure), rows[0])
    results = tuple(row.result(first, peaks[row.spec.key.threads]) for row in rows)
    record = BenchRecord(
        device=device,
        versions=installed_versions(),
        rows=results,
        photographs=f"a synthetic photograph of {PHOTOGRAPH_SIZE}x{PHOTOGRAPH_SIZE} pixels "
        f"(PNG, seed {SEED})",
        rounds=rounds,
        peak_gflops={number: peak for number, peak in peaks.items() if peak},
        warnings=(*device_warnings(device), *_late_warnings(device.throttling, threads)),
    )
    return add_remarks(record)


def write_photograph(file: Path, show: ShowProgress) -> Path:
    """Write the synthetic photograph for the timing of all rows."""
    from edgeseg.imaging.encoder import encode_png
    from edgeseg.synthetic import generate_photo

    show("generating a photograph")
    write_atomically(file, encode_png(generate_photo(SEED, PHOTOGRAPH_SIZE).photo))
    return file


def measure_peak(threads: int, timeout_s: float) -> float:
    """Return the FP32 throughput of this machine in GFLOP/s; 0 if memory is not sufficient.

    The fastest of several large matrix products is used.
    """
    with closing(WorkerProcess(timeout_s, threads)) as process, suppress(RowError):
        return process.call(
            "measure_peak", float, threads=threads, side=MATRIX_SIDE, rounds=PEAK_ROUNDS
        )
    return 0.0


def time_rounds(rows: Sequence[RowRunner], show: ShowProgress) -> int:
    """Time the rows alternately (A B C A B C).

    A change of the clock frequency then affects all rows equally.

    Returns:
        Maximum number of rounds of a row.
    """
    rounds = max(row.rounds for row in rows)
    for number in range(rounds):
        show(f"round {number + 1} of {rounds}")
        for row in rows:
            if number < row.rounds:
                row.attempt(row.time_round)
    return rounds


def _finish_rows(rows: Sequence[RowRunner], show: ShowProgress) -> None:
    for row in rows:
        row.attempt(row.read_memory)
    for number in range(COLD_STARTS):
        show(f"cold start {number + 1} of {COLD_STARTS}")
        for row in rows:
            row.attempt(row.time_cold_start)
    for row in rows:
        show(f"kernels and Dice of {row.spec.key}")
        row.attempt(row.count_kernels)
        row.attempt(row.score)
        row.attempt(row.measure)
        row.close()


def _late_warnings(throttling: Sequence[str], threads: Sequence[int]) -> list[str]:
    """Return warnings about throttling during the benchmark, and about more threads than cores."""
    warnings = []
    for reason in describe_device().throttling:
        if reason not in throttling:
            warnings.append(f"CPU throttling now: {reason}")
    cores = cpu.usable_cores()
    for number in threads:
        if number > cores:
            text = f"{plural(number, 'thread')} on {plural(cores, 'usable core')}"
            warnings.append(f"{text}, so that threads wait for each other")
    return warnings
