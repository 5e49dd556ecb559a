"""`edgeseg doctor --tune`: find the fastest setup whose masks agree with those of FP32."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple, get_args

import numpy as np

from edgeseg.console import ShowProgress, plural
from edgeseg.device import cpu
from edgeseg.errors import SystemSetupError
from edgeseg.models.card import Precision
from edgeseg.models.catalog import ModelFile, available_precisions
from edgeseg.models.selection import MAX_MASK_CHANGE, choose_precision, int8_is_validated
from edgeseg.models.tuning_cache import CandidateTiming, TunedSetup, TuningKey
from edgeseg.runtimes.base import RuntimeName, installed_runtimes, resolve_runtime
from edgeseg.system.scratch_folder import scratch_folder
from edgeseg_benchmarks.options import BenchOptions
from edgeseg_benchmarks.record import RowKey
from edgeseg_benchmarks.remarks import EQUAL_RATIO
from edgeseg_benchmarks.rows import RowSpec
from edgeseg_benchmarks.runner import time_rounds, write_photograph
from edgeseg_benchmarks.statistics import median_ratio
from edgeseg_benchmarks.worker.row_runner import RowRunner

NOT_VALIDATED = "its Dice on real photographs is not validated. Convert the model with --data."


class Setup(NamedTuple):
    """Runtime, precision and number of threads."""

    runtime: RuntimeName
    precision: Precision
    threads: int

    def __str__(self) -> str:
        return f"{self.precision} in {self.runtime}, {plural(self.threads, 'thread')}"


def tune(model: str, show: ShowProgress = lambda _: None) -> TunedSetup:
    """Measure all setups of a model and select the fastest.

    Args:
        model: name of a shipped model, or a model file.
        show: callback for the current step.

    Raises:
        ModelError: The model does not exist.
        SystemSetupError: The baseline (FP32 in ONNX Runtime with all cores) fails.
    """
    files = available_precisions(model)
    cards = {precision: file.card for precision, file in files.items()}
    cores = cpu.usable_cores()
    rule = Setup(resolve_runtime("auto"), choose_precision(cards, cpu.cpu_features())[0], cores)
    timings: list[CandidateTiming] = []
    if "int8" in files and len(files) > 1 and not int8_is_validated(cards):
        del files["int8"]
        for runtime in installed_runtimes():
            timings.append(CandidateTiming(runtime, "int8", cores, failure=NOT_VALIDATED))
    baseline = Setup("onnxruntime", next(iter(files)), cores)
    with scratch_folder() as folder:
        photograph = write_photograph(folder / "fundus.png", show)
        # Each number of threads is measured separately, because a small board does not have enough
        # memory for the processes of all setups.
        for threads in thread_counts(cores):
            setups = [Setup(r, p, threads) for p in files for r in installed_runtimes()]
            timings += _time_setups(baseline, setups, files, photograph, show)
    best = select_fastest(timings, rule)
    return TunedSetup(
        TuningKey.for_this_device(cards),
        best.runtime,
        best.precision,
        best.threads,
        tuple(timings),
    )


def thread_counts(cores: int) -> tuple[int, ...]:
    """Return the numbers of threads to measure: all cores, half of them, a quarter, down to 1."""
    return (cores, *thread_counts(cores // 2)) if cores > 1 else (1,)


def select_fastest(timings: Sequence[CandidateTiming], rule: Setup) -> CandidateTiming:
    """Select the fastest candidate that did not fail.

    If several candidates are equally fast, the setup of the rule is preferred, then the higher
    precision, then fewer threads.

    Args:
        timings: timings of the candidates.
        rule: setup that `auto` selects without tuning.

    Raises:
        SystemSetupError: All candidates failed.
    """
    valid = {k: each.ratio for k, each in enumerate(timings) if each.ratio and not each.failure}
    if not valid:
        raise SystemSetupError("no setup works on this device. Run `edgeseg doctor` for details.")
    ranks = {}
    for k, ratio in valid.items():
        setup = Setup(timings[k].runtime, timings[k].precision, timings[k].threads)
        is_slower = ratio > min(valid.values()) * EQUAL_RATIO
        precision = get_args(Precision).index(setup.precision)
        ranks[k] = (is_slower, setup != rule, precision, setup.threads, ratio)
    return timings[min(ranks, key=ranks.__getitem__)]


def mask_failure(precision: Precision, change: float) -> str:
    """Return the reason why a candidate is rejected, or "" if its mask is accepted.

    Args:
        precision: precision of the candidate.
        change: share of pixels in the field of view that differ from the baseline.
    """
    limit = MAX_MASK_CHANGE[precision]
    if change <= limit:
        return ""
    return f"{change:.2%} of mask pixels differ from the baseline, limit {limit:.1%}"


def mask_change(mask: Path, expected: Path) -> float:
    """Return the share of pixels in the field of view that differ between two mask files."""
    vessels, fov = np.load(mask, allow_pickle=False)
    expected_vessels, _ = np.load(expected, allow_pickle=False)
    return int(np.count_nonzero(vessels != expected_vessels)) / max(1, int(np.count_nonzero(fov)))


def _time_setups(
    baseline: Setup,
    setups: Sequence[Setup],
    files: Mapping[Precision, ModelFile],
    photograph: Path,
    show: ShowProgress,
) -> list[CandidateTiming]:
    """Time the setups and the baseline alternately, each in a separate process."""
    rows: dict[Setup, RowRunner] = {}
    with ExitStack() as stack:
        for setup in dict.fromkeys((baseline, *setups)):
            show(f"loading {setup}")
            key = RowKey("", setup.precision, setup.runtime, setup.threads)
            spec = RowSpec(key, files[setup.precision].path)
            rows[setup] = RowRunner(spec, photograph, BenchOptions(), "time_network")
            stack.callback(rows[setup].close)
        time_rounds(list(rows.values()), show)
        mask = photograph.with_name("baseline.npy")
        rows[baseline].attempt(lambda: rows[baseline].write_mask(mask))
        if rows[baseline].failure:
            raise SystemSetupError(
                f"the baseline ({baseline}) failed: {rows[baseline].failure}. Run `edgeseg doctor` "
                "for details."
            )
        return [_compare_setup(setup, rows[setup], rows[baseline], mask) for setup in setups]


def _compare_setup(
    setup: Setup, row: RowRunner, baseline: RowRunner, expected: Path
) -> CandidateTiming:
    mask = expected.with_name("candidate.npy")
    row.attempt(lambda: row.write_mask(mask))
    if row.failure:
        return CandidateTiming(*setup, row.compute, failure=row.failure)
    times = row.times("network_ms")
    change = mask_change(mask, expected)
    return CandidateTiming(
        *setup,
        row.compute,
        network_ms=median(times),
        ratio=median_ratio(times, baseline.times("network_ms")),
        flipped=change,
        failure=mask_failure(setup.precision, change),
    )
