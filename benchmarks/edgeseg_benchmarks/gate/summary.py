"""Output of the gate: a table for the terminal and Markdown for a pull request."""

import html
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from edgeseg.console import narrow_table, safe_text
from edgeseg.errors import SystemSetupError
from edgeseg.system.files import write_atomically
from edgeseg_benchmarks.gate.result import GateResult, MetricComparison, Outcome

STEP_SUMMARY = (
    "GITHUB_STEP_SUMMARY"  # environment variable with the file for GitHub Actions' step summary
)
STYLES: dict[Outcome, str] = {
    "ok": "",
    "worse": "bold red",
    "incomparable": "bold red",
    "no limit": "dim",
    "skipped": "dim",
}


def headline(result: GateResult) -> str:
    """Return a headline such as `passed: 12 ok, 3 skipped`."""
    counts = Counter(entry.outcome for entry in result.comparisons)
    texts = [f"{counts[outcome]} {outcome}" for outcome in STYLES if counts[outcome]]
    state = "passed" if result else "failed"
    return f"{state}: {', '.join(texts) or 'nothing was compared'}"


def to_tables(result: GateResult) -> Group:
    """Return a table for each row of the baseline."""
    tables: dict[str, Table] = {}
    for entry in result.comparisons:
        if entry.row not in tables:
            tables[entry.row] = narrow_table(entry.row)
            for heading in ("metric", "baseline", "now", "change", ""):
                tables[entry.row].add_column(heading, overflow="fold")
        cells = map(safe_text, (entry.metric, entry.before, entry.now, entry.change))
        tables[entry.row].add_row(*cells, entry.outcome, style=STYLES[entry.outcome])
    return Group(*tables.values(), Text(f"\ngate {headline(result)}", style="bold"))


def to_markdown(result: GateResult) -> str:
    """Return the failed comparisons, then all comparisons in a collapsed section."""
    failed = [entry for entry in result.comparisons if not entry]
    lines = [
        f"## edgeseg gate {headline(result)}",
        "",
        *_markdown_table(failed),
        "",
        "<details><summary>all comparisons</summary>\n",
        *_markdown_table(result.comparisons),
        "\n</details>\n",
    ]
    return "\n".join(lines)


def write_summaries(
    result: GateResult, file: Path | None, environment: Mapping[str, str] = os.environ
) -> None:
    """Write the Markdown to a file and append it to the step summary of GitHub Actions.

    Args:
        result: result of the gate.
        file: file to write, or None.
        environment: environment variables.

    Raises:
        SystemSetupError: A file cannot be written.
    """
    text = to_markdown(result)
    if file is not None:
        write_atomically(file, text.encode())
    step = environment.get(STEP_SUMMARY)
    if not step:
        return
    try:
        with Path(step).open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise SystemSetupError(
            f"${STEP_SUMMARY} {step}: cannot be written ({error.strerror}). Check the path."
        ) from error


def _markdown_table(
    comparisons: Sequence[MetricComparison],
) -> list[str]:
    if not comparisons:
        return []
    lines = ["| row | metric | baseline | now | change | |", "|---|---|---|---|---|---|"]
    for entry in comparisons:
        texts = (entry.row, entry.metric, entry.before, entry.now, entry.change)
        mark = entry.outcome if entry else f"**{entry.outcome}**"
        lines.append(f"| {' | '.join(map(_escape, texts))} | {mark} |")
    return lines


def _escape(text: str) -> str:
    """Escape untrusted text, so that it is not rendered as Markdown, HTML or a table cell."""
    plain = html.escape(str(safe_text(text)), quote=False)
    return re.sub(r"([\\`*_\[\]|~#!])", lambda letter: f"&#{ord(letter[0])};", plain)
