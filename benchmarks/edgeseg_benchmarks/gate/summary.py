"""A judgement for people: a table for the terminal, Markdown for a pull request."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from edgeseg.console import narrow_table, safe_text
from edgeseg.errors import SystemSetupError
from edgeseg.system.files import write_atomically
from edgeseg_benchmarks.gate.verdict import GateResult, MetricComparison, Outcome

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Where GitHub Actions names the file that is shown beside a run."""

STYLES: dict[Outcome, str] = {
    "held": "",
    "worse": "bold red",
    "incomparable": "bold red",
    "not judged": "dim",
    "not compared": "dim",
}
MARKS: dict[Outcome, str] = {
    "held": "held",
    "worse": "**WORSE**",
    "incomparable": "**incomparable**",
    "not judged": "not judged",
    "not compared": "not compared",
}


def headline(judgement: GateResult) -> str:
    """`passed: 12 held, 3 not compared`."""
    counts = {outcome: len(judgement.of(outcome)) for outcome in STYLES}
    told = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
    return f"{'passed' if judgement else 'closed'}: {told or 'nothing could be compared'}"


def to_tables(judgement: GateResult) -> Group:
    """For a terminal: a table for each row of the baseline."""
    rows = dict.fromkeys(verdict.row for verdict in judgement.verdicts)
    tables = (part for row in rows for part in (_table(row, judgement), Text()))
    return Group(*tables, Text(f"gate {headline(judgement)}", style="bold"))


def _table(row: str, judgement: GateResult) -> Table:
    table = narrow_table(row)
    table.add_column("what", overflow="fold")
    for heading in ("baseline", "now"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("change", overflow="fold")
    table.add_column("", no_wrap=True)
    for verdict in (verdict for verdict in judgement.verdicts if verdict.row == row):
        cells = (verdict.what, verdict.before, verdict.now, verdict.change)
        table.add_row(*map(safe_text, cells), verdict.outcome, style=STYLES[verdict.outcome])
    return table


def to_markdown(judgement: GateResult) -> str:
    """For a pull request; what closed the gate comes first."""
    lines = [f"## edgeseg gate {headline(judgement)}", ""]
    bad = [verdict for verdict in judgement.verdicts if not verdict]
    for title, verdicts in (("", bad), ("all that was compared", list(judgement.verdicts))):
        if verdicts:
            lines += [f"<details><summary>{title}</summary>\n"] if title else []
            lines += [
                "| row | what | baseline | now | change | |",
                "|---|---|---|---|---|---|",
                *map(_line, verdicts),
            ]
            lines += ["\n</details>"] if title else [""]
    return "\n".join(lines) + "\n"


def write_summaries(
    judgement: GateResult, file: Path | None, environment: Mapping[str, str] = os.environ
) -> None:
    """To `file`, and to the step summary of GitHub Actions where it names one.

    Raises:
        SurroundingsError: one cannot be written.
    """
    text = to_markdown(judgement)
    if file is not None:
        write_atomically(file, text.encode())
    step = environment.get(STEP_SUMMARY)
    if step:
        try:
            with Path(step).open(
                "a", encoding="utf-8"
            ) as stream:  # earlier steps wrote theirs there
                stream.write(text)
        except OSError as error:
            raise SystemSetupError(
                f"${STEP_SUMMARY} {step}: cannot be written ({error.strerror})"
            ) from error


def _line(verdict: MetricComparison) -> str:
    return f"| {' | '.join(_cells(verdict))} | {MARKS[verdict.outcome]} |"


def _cells(verdict: MetricComparison) -> Iterator[str]:
    yield from map(
        _escaped, (verdict.row, verdict.what, verdict.before, verdict.now, verdict.change)
    )


def _escaped(text: str) -> str:
    """Text from a file: no Markdown, no HTML and no new cell comes of it."""
    plain = html.escape(str(safe_text(text)), quote=False)
    return re.sub(r"([\\`*_\[\]|~#!])", lambda letter: f"&#{ord(letter[0])};", plain)
