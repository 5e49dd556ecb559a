"""Measurement of the rows of a baseline on this device."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from edgeseg.device import cpu, installed_versions
from edgeseg.errors import IncomparableError, ModelError, UsageError, escape_text
from edgeseg.models.card import Precision
from edgeseg.models.catalog import SHIPPED_MODELS
from edgeseg.models.selection import resolve_model
from edgeseg_benchmarks.gate.compare import DataSetName, skip_reason
from edgeseg_benchmarks.options import BenchOptions
from edgeseg_benchmarks.record import BenchRecord
from edgeseg_benchmarks.rows import select_rows, split_file_name

SYNTHETIC = "synthetic"
NOTHING_TO_MEASURE = (
    "this device cannot measure any row of the baseline. Create a baseline on this device with "
    "`edgeseg bench --json`."
)


def plan_remeasure(
    baseline: BenchRecord, models: Sequence[str], data: Sequence[str], timed: bool
) -> tuple[BenchOptions, frozenset[DataSetName]]:
    """Return benchmark options for a result that can be compared with the baseline.

    Args:
        baseline: baseline of the gate.
        models: files or names of shipped models. A row `mine` requires a file `mine.fp32.onnx`.
        data: `NAME:DIR`. Synthetic photographs are generated again and need no entry.
        timed: whether a limit for the time is given. If not, fewer rounds are measured.

    Returns:
        The options, and the data sets of the baseline whose photographs were not given.

    Raises:
        UsageError: A model of the baseline is missing, or a model or data set is not in the
            baseline.
        ModelError: A given file does not exist.
        IncomparableError: This device cannot measure any row of the baseline.
    """
    versions = installed_versions()
    features = cpu.cpu_features()
    keys = [row.key for row in baseline.rows if not skip_reason(row, versions, features)]
    files: dict[str, str] = {key.model: key.model for key in keys}
    given = _models_by_name(models)
    for name, model in given.items():
        if name not in files:
            raise UsageError(
                f"--model {model}: {name!r} is not in the baseline. Choose from {', '.join(files)}."
            )
    files |= given
    for name in files.keys() - given.keys() - SHIPPED_MODELS.keys():
        raise UsageError(f"--model: no file given for {name!r}. Add --model {name}.onnx.")
    specs, omitted = _select_data(baseline, data)
    if not keys:
        raise IncomparableError(NOTHING_TO_MEASURE)
    _, precisions, runtimes, threads = map(dict.fromkeys, zip(*keys, strict=True))
    options = BenchOptions(
        models=tuple(files.values()),
        precisions=tuple(sorted(precisions, key=get_args(Precision).index)),
        runtimes=tuple(runtimes),
        threads=tuple(threads),
        data=tuple(specs.values()),
        measures=bool(specs) and any(row.measured for row in baseline.rows),
        only=frozenset(keys),
    )
    if not select_rows(options):
        raise IncomparableError(NOTHING_TO_MEASURE)
    if not timed:
        options = replace(options, rounds=3, warmup=1)
    return options, omitted


def _select_data(
    baseline: BenchRecord, data: Sequence[str]
) -> tuple[dict[str, str], frozenset[DataSetName]]:
    """Return a dict from name to data set specification, and the data sets that were not given."""
    counts: dict[DataSetName, int] = {}
    for row in baseline.rows:
        for data_set in row.data_sets:
            counts[data_set.name, data_set.split] = len(data_set.photographs)
    known = {name: f"{name}:{count}" for (name, _), count in counts.items()}
    specs = {spec.partition(":")[0]: spec for spec in data}
    for name, spec in specs.items():
        if name not in known:
            raise UsageError(
                f"--data {spec}: not in the baseline, which contains {', '.join(known) or 'none'}"
            )
    if SYNTHETIC in known:
        specs.setdefault(SYNTHETIC, known[SYNTHETIC])
    return specs, frozenset(name for name in counts if name[0] not in specs)


def _models_by_name(models: Sequence[str]) -> dict[str, str]:
    """Return one file for each model name.

    Files of the other precisions must be in the same folder.
    """
    given: dict[str, str] = {}
    for model in models:
        name = _row_model_name(model)
        other = given.get(name, model)
        if Path(other).resolve().parent != Path(model).resolve().parent:
            raise UsageError(
                f"--model {other} and {model}: both are {name!r}. Move both to one folder."
            )
        given[name] = model
    return given


def _row_model_name(model: str) -> str:
    """Return the name that the rows use for a model. For a damaged file, use the file name."""
    try:
        return resolve_model(model, "auto", cpu.cpu_features()).name
    except ModelError:
        name, precision = split_file_name(model)
        if precision is None or not Path(model).is_file():
            raise
        return escape_text(name)
