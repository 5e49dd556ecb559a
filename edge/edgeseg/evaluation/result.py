"""Result of an evaluation or a conversion check, as JSON and as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from edgeseg.console import narrow_table, safe_text
from edgeseg.evaluation.scores import (
    HEADINGS,
    STRUCTURE_HEADINGS,
    DataSetScores,
    Scores,
    scores_by_name,
)

EvaluationProtocol: TypeAlias = Literal["native", "reference", "reference-aligned"]


class Check(msgspec.Struct, frozen=True):
    """Check of a model file; truthy if it passed.

    Attributes:
        name: name of the check.
        value: measured value; NaN or infinite if it could not be computed; None for a check without
            a value.
        limit: largest value that passes; None for no limit.
        note: details of the measurement, or the reason for the failure.
        passed: whether the check passed.
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
        """Create a check that passes for values up to the limit.

        NaN does not pass. A check without a limit always passes.
        """
        return cls(name, value, limit, note, limit is None or value <= limit)

    def to_dict(self) -> dict[str, object]:
        """Return the JSON object. NaN and infinite values become null."""
        finite = self.value is not None and math.isfinite(self.value)
        return {
            "name": self.name,
            "value": self.value if finite else None,
            "limit": self.limit,
            "passed": self.passed,
            "note": self.note,
        }


class EvaluationResult(msgspec.Struct, frozen=True):
    """Scores of one model, and the checks of its file.

    Attributes:
        model: name of a shipped model, or the file name without `.PRECISION.onnx`;
            `second-observer` for a human observer.
        precision: precision of the selected file, never `auto`; empty for a human observer.
        runtime: selected runtime, never `auto`; empty for a human observer.
        protocol: evaluation protocol.
        threshold: vessel probability threshold.
        data_sets: scores in the order of the command line.
        file: name of the checked model file; empty if no file was checked.
        file_bytes: size of the model file in bytes.
        checks: comparisons of the model file with the exported network.
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
        """True if no check failed."""
        return all(self.checks)

    def to_dict(self) -> dict[str, object]:
        """Return the JSON object of `edgeseg evaluate --json`.

        Scores are not rounded, because the gate compares them bit by bit. If a file was checked
        (`edgeseg convert --json`), its name, size and checks are included.
        """
        result: dict[str, object] = {
            "model": self.model,
            "precision": self.precision,
            "runtime": self.runtime,
            "protocol": self.protocol,
        }
        if self.file:
            result |= {
                "file": self.file,
                "file_bytes": self.file_bytes,
                "passed": self.passed,
                "checks": [check.to_dict() for check in self.checks],
            }
        return result | {"data_sets": [data_set.to_dict() for data_set in self.data_sets]}

    def to_tables(self) -> Group:
        """Return tables for the terminal: every photograph, then the mean of each data set."""
        tables: list[Table | Text] = []
        for data_set in self.data_sets:
            tables += [_photograph_table(data_set), Text()]
        tables.append(self._mean_table())
        if any(data_set.mean and data_set.mean.cldice is not None for data_set in self.data_sets):
            tables += [Text(), self._structure_table()]
        return Group(*tables)

    def to_check_table(self) -> Table:
        """Return a table for the terminal with one line for each check."""
        title = f"{self.file}  {self.file_bytes / 1e6:.2f} MB"
        table = narrow_table(title if self.passed else f"{title}  FAILED")
        table.add_column("check", no_wrap=True)
        for heading in ("value", "limit", "passed"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("on", overflow="fold")
        for check in self.checks:
            passed = "yes" if check else "NO"
            value, limit = _format_number(check.value), _format_number(check.limit)
            table.add_row(check.name, value, limit, passed, safe_text(check.note))
        return table

    def _mean_table(self) -> Table:
        title = f"{self.model}, {self.protocol} protocol"
        if self.runtime:
            title = (
                f"{self.model} {self.precision}, {self.runtime}, {self.protocol} protocol, "
                f"threshold {self.threshold:.3g}"
            )
        table = _score_table(title, "mean over", HEADINGS)
        for data_set in self.data_sets:
            table.add_row(_label(data_set), *_format_scores(data_set.mean, HEADINGS))
        return table

    def _structure_table(self) -> Table:
        title = "Vessel structure; densities: mean absolute difference from the manual mask"
        table = _score_table(title, "mean over", STRUCTURE_HEADINGS)
        for data_set in self.data_sets:
            table.add_row(_label(data_set), *_format_scores(data_set.mean, STRUCTURE_HEADINGS))
        return table


def _label(data_set: DataSetScores) -> Text:
    """Return the name, the split and the number of photographs of a data set."""
    count = str(len(data_set.photographs))
    if data_set.failed:
        count = f"{len(data_set.scored)} of {count}"
    return safe_text(f"{data_set.name} {data_set.split} ({count})")


def _photograph_table(data_set: DataSetScores) -> Table:
    table = _score_table(f"{data_set.name} {data_set.split}", "photograph", HEADINGS)
    for photograph in data_set.photographs:
        table.add_row(safe_text(photograph.name), *_format_scores(photograph.scores, HEADINGS))
    return table


def _score_table(title: str, first_column: str, headings: Mapping[str, str]) -> Table:
    table = narrow_table(title)
    table.add_column(first_column, overflow="fold")
    for heading in headings.values():
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _format_scores(scores: Scores | None, names: Iterable[str]) -> list[str]:
    values = scores_by_name(scores)
    return [_format_number(values[name], ".4f", "-") for name in names]


def _format_number(value: float | None, spec: str = ".2g", missing: str = "") -> str:
    return missing if value is None else format(value, spec)
