"""The evidence of one model, and its views. JSON is the contract, tables are for people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rich.console import Group
from rich.table import Table
from rich.text import Text

from edgeseg.console import narrow_table, safe_text
from edgeseg.evaluation.scores import HEADINGS, DataSetScores, Scores, format_scores

EvaluationProtocol: TypeAlias = Literal["native", "reference", "reference-aligned"]


@dataclass(frozen=True)
class Check:
    """What was measured, what it may be, and in words.

    Attributes:
        name: of the check.
        value: measured; infinite where it came out as no number; None where only yes or no was asked.
        limit: the largest value that passes; None where there is none.
        note: what it was measured on, or why it failed.
        passed: the truth value.
    """

    name: str
    value: float | None
    limit: float | None
    note: str
    passed: bool

    def __bool__(self) -> bool:
        return self.passed

    @classmethod
    def at_most(cls, name: str, value: float, limit: float | None, note: str) -> Check:
        """Passes up to the limit, and always where there is none; NaN never does where there is one."""
        return cls(name, value, limit, note, limit is None or value <= limit)

    def to_dict(self) -> dict[str, object]:
        """As in JSON, which has no infinity."""
        value = self.value if self.value is not None and math.isfinite(self.value) else None
        return {
            "name": self.name,
            "value": value,
            "limit": self.limit,
            "passed": self.passed,
            "note": self.note,
        }


@dataclass(frozen=True)
class EvaluationResult:
    """What is known of a model.

    Attributes:
        model: shipped name, or the file's name without `.PRECISION.onnx`; or `second-observer`, a human.
        precision: of the file that was used, never `auto`; empty of a human.
        runtime: that was used, never `auto`; empty of a human.
        protocol: how it was scored.
        threshold: probability from which a pixel counted as vessel.
        data_sets: in the order of the command line.
        file: the model file's name, where the file itself was checked.
        file_bytes: its size.
        checks: of the file, against the network that it was made from.
    """

    model: str
    precision: str
    runtime: str
    protocol: EvaluationProtocol
    threshold: float
    data_sets: tuple[DataSetScores, ...]
    file: str = ""
    file_bytes: int = 0
    checks: tuple[Check, ...] = ()

    @property
    def passed(self) -> bool:
        """Every check; without one nothing failed."""
        return all(self.checks)

    def to_dict(self) -> dict[str, object]:
        """The contract of `edgeseg evaluate --json`; full precision, since the gate compares it bit by bit.

        Where a file was checked (`edgeseg convert --json`), its name, bytes and checks too.
        """
        checked: dict[str, object] = {
            "file": self.file,
            "file_bytes": self.file_bytes,
            "passed": self.passed,
            "checks": [check.to_dict() for check in self.checks],
        }
        return {
            "model": self.model,
            "precision": self.precision,
            "runtime": self.runtime,
            "protocol": self.protocol,
            **(checked if self.file else {}),
            "data_sets": [data_set.to_dict() for data_set in self.data_sets],
        }

    def to_tables(self) -> Group:
        """For a terminal: every photograph, then the mean of each data set."""
        photographs = (
            part for data_set in self.data_sets for part in (_photograph_table(data_set), Text())
        )
        return Group(*photographs, self._mean_table())

    def to_check_table(self) -> Table:
        """For a terminal: a line for each check of the file."""
        title = f"{self.file}  {self.file_bytes / 1e6:.2f} MB" + ("" if self.passed else "  FAILED")
        table = narrow_table(title)
        table.add_column("check", no_wrap=True)
        for heading in ("value", "limit", "passed"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("on", overflow="fold")
        for check in self.checks:
            numbers = (
                "" if number is None else f"{number:.2g}" for number in (check.value, check.limit)
            )
            table.add_row(check.name, *numbers, "yes" if check else "NO", safe_text(check.note))
        return table

    def _mean_table(self) -> Table:
        used = f" {self.precision}, {self.runtime}" if self.runtime else ""
        threshold = f", threshold {self.threshold:.3g}" if self.runtime else ""
        table = _score_table(
            f"{self.model}{used}, {self.protocol} protocol{threshold}", "mean over"
        )
        for data_set in self.data_sets:
            whole = len(data_set.photographs)
            count = f"{len(data_set.scored)} of {whole}" if data_set.failed else str(whole)
            table.add_row(
                safe_text(f"{data_set.name} {data_set.split} ({count})"), *_cells(data_set.mean)
            )
        return table


def _photograph_table(data_set: DataSetScores) -> Table:
    table = _score_table(f"{data_set.name} {data_set.split}", "photograph")
    for photograph in data_set.photographs:
        table.add_row(safe_text(photograph.name), *_cells(photograph.scores))
    return table


def _score_table(title: str, first_column: str) -> Table:
    table = narrow_table(title)
    table.add_column(first_column, overflow="fold")
    for heading in HEADINGS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _cells(scores: Scores | None) -> list[str]:
    return ["-" if value is None else f"{value:.4f}" for value in format_scores(scores).values()]
