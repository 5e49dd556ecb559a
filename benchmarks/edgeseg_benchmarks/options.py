"""Options of a benchmark."""

from dataclasses import dataclass

from edgeseg.models.card import Precision
from edgeseg_benchmarks.record import BenchRuntime, RowKey


@dataclass(frozen=True)
class BenchOptions:
    """Options of a benchmark: rows, data sets and method of measurement.

    Attributes:
        models: names of shipped models or model files. The first row uses the first model.
        precisions: precisions of each model.
        every: whether to measure all shipped models and precisions.
        runtimes: names of runtimes; empty for all installed runtimes.
        threads: numbers of CPU threads; empty for all cores that the process may use.
        data: data sets (`NAME:DIR`), of which the test split is scored.
        measures: whether to measure the vessels in the predicted masks.
        rounds: number of timed rounds. None means a number that depends on the speed of the row.
        warmup: number of untimed rounds, at least 1.
        reference: whether to also measure ResUNet-Deeper.
        timeout_s: time limit for one reply of a row's process.
        only: keys of the rows to measure; empty for all.
    """

    models: tuple[str, ...] = ("default",)
    precisions: tuple[Precision, ...] = ("fp32",)
    every: bool = False
    runtimes: tuple[BenchRuntime, ...] = ()
    threads: tuple[int, ...] = ()
    data: tuple[str, ...] = ()
    measures: bool = False
    rounds: int | None = None
    warmup: int = 3
    reference: bool = False
    timeout_s: float = 600.0
    only: frozenset[RowKey] = frozenset()
