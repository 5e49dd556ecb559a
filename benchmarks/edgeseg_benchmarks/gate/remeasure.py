"""The current benchmark: the rows of the baseline, measured on this device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from edgeseg.device import cpu, installed_versions
from edgeseg.errors import IncomparableError, ModelError, UsageError
from edgeseg.models import SHIPPED_MODELS
from edgeseg.models.card import Precision
from edgeseg.models.catalog import resolve_model
from edgeseg_benchmarks.gate.compare import DataSetName, skip_reason
from edgeseg_benchmarks.options import BenchOptions, ShowProgress
from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import RowKey
from edgeseg_benchmarks.rows import split_file_name

SYNTHETIC = "synthetic"
UNTIMED_ROUNDS = 3  # number of rounds if there is no limit for time


@dataclass(frozen=True)
class RemeasureOptions:
    """What to measure.

    Attributes:
        keys: rows of the baseline that this device can measure.
        models: shipped name or file of each model, by row name.
        data: data sets, `NAME:DIR`.
        omitted: data sets of the baseline without photographs.
    """

    keys: tuple[RowKey, ...]
    models: Mapping[str, str]
    data: tuple[str, ...]
    omitted: frozenset[DataSetName]


def plan_remeasure(
    baseline: BenchRecord, models: Sequence[str], data: Sequence[str]
) -> RemeasureOptions:
    """Return what to measure so that the result can be compared with the baseline.

    Args:
        baseline: the baseline.
        models: files or shipped names; a row `mine` requires a file `mine.fp32.onnx`.
        data: `NAME:DIR`; synthetic photographs are generated as in the baseline.

    Raises:
        UsageError: a model of the baseline is missing, or a model or data set is not in the
            baseline.
        ModelError: a given file does not exist.
    """
    versions, features = installed_versions(), cpu.cpu_features()
    keys = [row.key for row in baseline.rows if not skip_reason(row.key, versions, features)]
    given = _models_by_name(models)
    names = dict.fromkeys(key.model for key in keys)
    for name in names:
        if name not in given and name not in SHIPPED_MODELS:
            raise UsageError(
                f"--model: {name!r} of the baseline is missing. Add --model {name}.onnx."
            )
    for name, model in given.items():
        if name not in names:
            raise UsageError(
                f"--model {model}: the baseline has no row {name!r}, only {', '.join(names)}"
            )
    specs = _complete_data(baseline, data)
    available = {spec.partition(":")[0] for spec in specs}
    omitted = {name for name in _photograph_counts(baseline) if name[0] not in available}
    files = {name: given.get(name, name) for name in names}
    return RemeasureOptions(tuple(keys), files, specs, frozenset(omitted))


def remeasure(options: RemeasureOptions, timed: bool, show: ShowProgress) -> BenchRecord:
    """Run the benchmark.

    Args:
        options: what to measure.
        timed: whether time has a limit; otherwise few rounds are enough.
        show: called with the current step.

    Raises:
        IncomparableError: this device can measure no row of the baseline.
    """
    from edgeseg_benchmarks.runner import run_bench

    if not options.keys:
        raise IncomparableError("this device can measure no row of the baseline")
    _, precisions, runtimes, threads = map(dict.fromkeys, zip(*options.keys, strict=True))
    bench_options = BenchOptions(
        models=tuple(options.models.values()),
        precisions=tuple(sorted(precisions, key=get_args(Precision).index)),
        runtimes=tuple(runtimes),
        threads=tuple(threads),
        data=options.data,
        rounds=None if timed else UNTIMED_ROUNDS,
        warmup=3 if timed else 1,
        only=frozenset(options.keys),
    )
    return run_bench(bench_options, show)


def _models_by_name(models: Sequence[str]) -> dict[str, str]:
    """Return one file for each name; its other precisions must be in the same folder."""
    given: dict[str, str] = {}
    for model in models:
        name = _row_model_name(model)
        other = given.get(name, model)
        if Path(other).resolve().parent != Path(model).resolve().parent:
            raise UsageError(
                f"--model {other} and {model}: both are {name!r}. Put them into one folder."
            )
        given[name] = model
    return given


def _row_model_name(model: str) -> str:
    """Return the model name of the rows; a damaged file has a row, too, which fails the gate."""
    try:
        return resolve_model(model, "auto", cpu.cpu_features()).name
    except ModelError:
        name, precision = split_file_name(model)
        if precision is None or not Path(model).is_file():
            raise
        return name


def _photograph_counts(baseline: BenchRecord) -> dict[DataSetName, int]:
    counts: dict[DataSetName, int] = {}
    for row in baseline.rows:
        for data_set in row.data_sets:
            counts[data_set.name, data_set.split] = len(data_set.photographs)
    return counts


def _complete_data(baseline: BenchRecord, data: Sequence[str]) -> tuple[str, ...]:
    """Return the given data sets and as many synthetic photographs as the baseline has."""
    counts = _photograph_counts(baseline)
    known = {name: f"{name}:{count}" for (name, _), count in counts.items()}
    given = {spec.partition(":")[0]: spec for spec in data}
    for name, spec in given.items():
        if name not in known:
            names = ", ".join(known) or "no data set"
            raise UsageError(f"--data {spec}: not in the baseline, which has {names}")
    if SYNTHETIC in known:
        given.setdefault(SYNTHETIC, known[SYNTHETIC])
    return tuple(given.values())
