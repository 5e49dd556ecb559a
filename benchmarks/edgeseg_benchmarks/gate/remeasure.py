"""A baseline -> the current bench: the same rows, on the device at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from edgeseg.device import cpu, installed_versions
from edgeseg.errors import IncomparableError, ModelError, UsageError
from edgeseg.models.card import Precision
from edgeseg.models.catalog import SHIPPED_MODELS
from edgeseg.models.selection import resolve_model
from edgeseg_benchmarks.gate.accuracy import Names
from edgeseg_benchmarks.gate.judge import excuse
from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import RowKey
from edgeseg_benchmarks.rows import BenchOptions, candidates, row_name, told_by_name

DRAWN = "synthetic"
FEW_ROUNDS = 3
"""Of timing, where no limit is given for time."""


@dataclass(frozen=True)
class RemeasureOptions:
    """What to measure.

    Attributes:
        keys: of the rows, those that this device can be asked for.
        models: shipped names and files, by the rows' names.
        data: `NAME:DIR` each.
        left_out: the baseline's data sets without photographs at hand.
    """

    keys: tuple[RowKey, ...]
    models: Mapping[str, str]
    data: tuple[str, ...]
    left_out: frozenset[Names]


def wanted(baseline: BenchRecord, models: Sequence[str], data: Sequence[str]) -> RemeasureOptions:
    """What the current bench must hold, so that it can be compared.

    Args:
        baseline: its rows name model, precision, runtime and threads.
        models: files or shipped names; a row `mine` of the baseline needs a `mine.fp32.onnx` here.
        data: `NAME:DIR`; drawn photographs are drawn as in the baseline.

    Raises:
        UsageError: a model of the baseline is neither shipped nor given, or a data set is not in the baseline.
        ModelError: a file that was given is not there.
    """
    have, features = installed_versions(), cpu.cpu_features()
    keys = tuple(row.key for row in baseline.rows if not excuse(row.key, have, features))
    given = _by_name(models)
    names = dict.fromkeys(key.model for key in keys)
    missing = [name for name in names if name not in given and name not in SHIPPED_MODELS]
    if missing:
        told = f"; given: {', '.join(given)}" if given else ""
        raise UsageError(
            f"the baseline measured {missing[0]!r}: give its file as --model {missing[0]}.onnx{told}"
        )
    unknown = [name for name in given if name not in names]
    if unknown:
        raise UsageError(
            f"--model {given[unknown[0]]}: the baseline has no row of {unknown[0]!r}, but {', '.join(names)}"
        )
    specs = _with_drawn(baseline, data)
    at_hand = {spec.partition(":")[0] for spec in specs}
    left_out = frozenset(each for each in _data_sets(baseline) if each[0] not in at_hand)
    return RemeasureOptions(keys, {name: given.get(name, name) for name in names}, specs, left_out)


def measure(order: RemeasureOptions, timed: bool, note: Callable[[str], None]) -> BenchRecord:
    """Run the bench.

    Args:
        order: what to measure.
        timed: whether times will be judged; else few rounds do.
        note: told what is going on.

    Raises:
        IncomparableError: none of the rows can be measured here.
    """
    from edgeseg_benchmarks.runner import run_bench

    precisions = {key.precision for key in order.keys}
    bench = BenchOptions(
        models=tuple(order.models.values()),
        precisions=tuple(precision for precision in get_args(Precision) if precision in precisions),
        runtimes=tuple(dict.fromkeys(key.runtime for key in order.keys)),
        threads=tuple(dict.fromkeys(key.threads for key in order.keys)),
        data=order.data,
        rounds=None if timed else FEW_ROUNDS,
        warmup=3 if timed else 1,
        only=frozenset(order.keys),
    )
    if not candidates(bench):
        raise IncomparableError("no row of the baseline can be measured on this device")
    return run_bench(bench, note)


def _by_name(models: Sequence[str]) -> dict[str, str]:
    """Of files with one name the last; its other precisions are looked for beside it.

    Raises:
        UsageError: two of one name lie in two folders, so that one of them would not be measured.
    """
    given: dict[str, str] = {}
    for model in models:
        name = _name(model)
        other = given.setdefault(name, model)
        if Path(other).resolve().parent != Path(model).resolve().parent:
            raise UsageError(
                f"--model {other} and {model}: both are {name!r}; put all its precisions into one folder"
            )
        given[name] = model
    return given


def _name(model: str) -> str:
    """As the rows call it; a damaged file has a row, which fails, so that the gate tells what became worse.

    Raises:
        ModelError: there is no such file, or nothing tells which row a damaged one is.
    """
    try:
        return resolve_model(model, "auto", cpu.cpu_features()).name
    except ModelError:
        if told_by_name(model) is None or not Path(model).is_file():
            raise
        return row_name(model)


def _data_sets(baseline: BenchRecord) -> dict[Names, int]:
    """Of all rows: how many photographs, by name and split."""
    return {
        (each.name, each.split): len(each.photographs)
        for row in baseline.rows
        for each in row.data_sets
    }


def _with_drawn(baseline: BenchRecord, data: Sequence[str]) -> tuple[str, ...]:
    """The user's, and as many drawn photographs as the baseline has."""
    known = _data_sets(baseline)
    names = [name for name, _ in known]
    for spec in data:
        name = spec.partition(":")[0]
        if name not in names:
            raise UsageError(
                f"--data {spec}: the baseline has no Dice of {name!r}, but of {', '.join(names) or 'none'}"
            )
    drawn = [f"{DRAWN}:{number}" for (name, _), number in known.items() if name == DRAWN]
    return (
        *data,
        *(spec for spec in drawn if not any(each.startswith(f"{DRAWN}:") for each in data)),
    )
