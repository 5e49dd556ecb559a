"""The options of a benchmark."""

from dataclasses import dataclass

from edgeseg.models.card import Precision
from edgeseg_benchmarks.record import BenchRuntime, RowKey


@dataclass(frozen=True)
class BenchOptions:
    """Options of a benchmark: what to measure, and how.

    Attributes:
        models: shipped names or model files; the first one determines the first row.
        precisions: precisions of each model.
        every: measure every shipped model and every precision.
        runtimes: names of runtimes; empty for every installed one.
        threads: numbers of CPU threads; empty for every core that the process may use.
        data: data sets (`NAME:DIR`) whose test split is scored.
        measures: measure the predicted masks of the data sets.
        rounds: number of timed rounds; None for as many as fit the time per row.
        warmup: number of untimed rounds, at least one.
        reference: also measure ResUNet-Deeper.
        timeout_s: time limit for one answer of a row's process.
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
