"""The one evidence record: what is known of a model, and its views. JSON is the contract, tables are for people."""

from __future__ import annotations

from edgeseg.report.bench import Bench, read_bench
from edgeseg.report.bound import Bound
from edgeseg.report.evidence import Check, EvaluationProtocol, Evidence
from edgeseg.report.row import Latency, Row, RowKey
from edgeseg.report.scores import HEADINGS, OK, DataSetEvidence, PhotographEvidence, Scores
from edgeseg.report.tables import narrow_table, printable, show

__all__ = [
    "HEADINGS",
    "OK",
    "Bench",
    "Bound",
    "Check",
    "DataSetEvidence",
    "EvaluationProtocol",
    "Evidence",
    "Latency",
    "PhotographEvidence",
    "Row",
    "RowKey",
    "Scores",
    "narrow_table",
    "printable",
    "read_bench",
    "show",
]
