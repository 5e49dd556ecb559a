"""`edgeseg doctor --tune`: find the fastest setup of a model whose masks agree with FP32."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple, get_args

import numpy as np

from edgeseg.device import cpu
from edgeseg.errors import SystemSetupError
from edgeseg.models.card import Precision
from edgeseg.models.catalog import (
    MAX_MASK_CHANGE,
    ModelFile,
    available_precisions,
    choose_precision,
    int8_is_validated,
)
from edgeseg.models.tuning_cache import CandidateTiming, TunedSetup, TuningKey
from edgeseg.runtimes.base import RuntimeName, installed_runtimes, resolve_runtime
from edgeseg_benchmarks.options import ShowProgress
from edgeseg_benchmarks.record.row import format_threads
from edgeseg_benchmarks.remarks import EQUAL_RATIO
from edgeseg_benchmarks.runner import write_photograph
from edgeseg_benchmarks.statistics import median_ratio
from edgeseg_benchmarks.worker.client import RowError, WorkerProcess
from edgeseg_benchmarks.worker.row_worker import ModelFacts

TIMEOUT_S = 600.0
WARMUP = 2
MIN_ROUNDS = 5
MAX_ROUNDS = 20
SECONDS_PER_CANDIDATE = 4.0
NOT_VALIDATED = "its Dice on real photographs is not validated. Convert it with --data."


class Setup(NamedTuple):
    """A runtime, a precision and a number of threads."""

    runtime: RuntimeName
    precision: Precision
    threads: int

    def __str__(self) -> str:
        return f"{self.precision} in {self.runtime}, {format_threads(self.threads)}"


def tune(model: str, show: ShowProgress = lambda _: None) -> TunedSetup:
    """Measure every setup of a model and select one.

    Args:
        model: shipped name or model file.
        show: called with the current step.

    Raises:
        ModelError: there is no such model.
        SystemSetupError: the baseline, FP32 in ONNX Runtime with every core, fails.
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
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        photograph = write_photograph(Path(folder) / "fundus.png", show)
        # One number of threads at a time: a small board has no memory for all processes at once.
        for threads in thread_counts(cores):
            setups = [Setup(r, p, threads) for p in files for r in installed_runtimes()]
            timings += _time_setups(baseline, setups, files, photograph, show)
    best = select_fastest(timings, rule)
    key = TuningKey.here(cards)
    return TunedSetup(key, best.runtime, best.precision, best.threads, tuple(timings))


def thread_counts(cores: int) -> tuple[int, ...]:
    """Return every core, half of them, and so on down to one."""
    return (cores, *thread_counts(cores // 2)) if cores > 1 else (1,)


def select_fastest(timings: Sequence[CandidateTiming], rule: Setup) -> CandidateTiming:
    """Select the fastest candidate that did not fail.

    Of equally fast ones: the setup of the rule, else higher precision, then fewer threads.

    Args:
        timings: the candidates.
        rule: what `auto` selects without tuning.

    Raises:
        SystemSetupError: all candidates failed.
    """
    ratios = {k: each.ratio for k, each in enumerate(timings) if each.ratio and not each.failure}
    if not ratios:
        raise SystemSetupError("no setup works on this device. Run `edgeseg doctor` for details.")
    limit = min(ratios.values()) * EQUAL_RATIO

    def order(k: int) -> tuple[bool, int, int, float]:
        entry = timings[k]
        setup = Setup(entry.runtime, entry.precision, entry.threads)
        exactness = get_args(Precision).index(entry.precision)
        return setup != rule, exactness, entry.threads, ratios[k]

    return timings[min((k for k in ratios if ratios[k] <= limit), key=order)]


def mask_failure(precision: Precision, change: float) -> str:
    """Return why a mask is too different from the baseline's; "" if it is not.

    Args:
        precision: precision of the candidate.
        change: share of the field of view's pixels that differ.
    """
    limit = MAX_MASK_CHANGE[precision]
    if change <= limit:
        return ""
    return f"{change:.2%} of mask pixels differ from the baseline, limit {limit:.1%}"


def mask_change(mask: Path, expected: Path) -> float:
    """Return the share of the field of view's pixels that differ between two files of a worker."""
    vessels, fov = np.load(mask, allow_pickle=False)
    expected_vessels, _ = np.load(expected, allow_pickle=False)
    changed = int(np.count_nonzero(vessels != expected_vessels))
    return changed / max(1, int(np.count_nonzero(fov)))


def _time_setups(
    baseline: Setup,
    setups: Sequence[Setup],
    files: Mapping[Precision, ModelFile],
    photograph: Path,
    show: ShowProgress,
) -> list[CandidateTiming]:
    """Time setups against the baseline, in turns, each in its own process."""
    candidates: dict[Setup, _Candidate] = {}
    try:
        for setup in dict.fromkeys((baseline, *setups)):
            show(f"loading {setup}")
            candidates[setup] = _Candidate(setup, files[setup.precision].path, photograph)
        _time_rounds(list(candidates.values()), show)
        first = candidates[baseline]
        if first.failure:
            raise SystemSetupError(f"the baseline ({baseline}) failed: {first.failure}")
        return [candidates[setup].result(first) for setup in setups]
    finally:
        for candidate in candidates.values():
            candidate.process.close()


def _time_rounds(candidates: Sequence[_Candidate], show: ShowProgress) -> None:
    """Time the candidates in turn (A B C A B C): a drifting clock drifts for all of them."""
    rounds = MAX_ROUNDS
    for number in range(-WARMUP, MAX_ROUNDS):
        if number == 0:
            slowest_ms = max(max(candidate.times, default=1.0) for candidate in candidates)
            fitting = int(SECONDS_PER_CANDIDATE * 1e3 / (2 * slowest_ms))
            rounds = max(MIN_ROUNDS, min(MAX_ROUNDS, fitting))
            for candidate in candidates:
                candidate.times.clear()
        if number >= rounds:
            break
        show(f"round {number + 1} of {rounds}")
        for candidate in candidates:
            candidate.time_round()


class _Candidate:
    """A setup's process and its measurements so far."""

    def __init__(self, setup: Setup, file: Path, photograph: Path) -> None:
        self.setup = setup
        self.failure = self.compute = ""
        self.times: list[float] = []
        self.mask = photograph.with_name(f"{setup}.npy")
        self.process = WorkerProcess(TIMEOUT_S)
        arguments = {**setup._asdict(), "file": str(file), "photograph": str(photograph)}
        arguments.pop("precision")
        try:
            self.process.call("load", ModelFacts, arguments)
            self.compute = self.process.call("write_mask", str, {"output": str(self.mask)})
        except (RowError, ValueError) as error:
            self.failure = str(error)

    def time_round(self) -> None:
        """Time one frame, unless the candidate failed before."""
        if not self.failure:
            try:
                self.times.append(self.process.call("time_network", float))
            except (RowError, ValueError) as error:
                self.failure = str(error)

    def result(self, baseline: _Candidate) -> CandidateTiming:
        """Return the measurements."""
        if self.failure:
            return CandidateTiming(*self.setup, self.compute, failure=self.failure)
        ratio = median_ratio(self.times, baseline.times)
        change = mask_change(self.mask, baseline.mask)
        failure = mask_failure(self.setup.precision, change)
        return CandidateTiming(
            *self.setup, self.compute, median(self.times), ratio, change, failure
        )
