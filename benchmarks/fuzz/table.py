"""Tables of the outcomes, in Markdown."""

from collections.abc import Sequence

from fuzz.supervisor import ReaderResult


def format_tables(results: Sequence[ReaderResult]) -> str:
    """Return two tables with one row per reader: outcomes and mutations."""
    return "\n\n".join((format_outcomes(results), format_mutations(results)))


def format_outcomes(results: Sequence[ReaderResult]) -> str:
    """Return a table with one row per reader and the number of inputs for each outcome."""
    lines = [
        "| reader | inputs | same | error | different | of these visible | findings | slowest, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        counts = [
            result.count(),
            result.count("same"),
            result.count("error"),
            result.count("different", "visible"),
            result.count("visible"),
            result.count("finding"),
        ]
        cells = " | ".join(f"{count:,}" for count in counts)
        lines.append(f"| {result.reader} | {cells} | {result.slowest_s:.1f} |")
    total = sum(result.count() for result in results)
    findings = sum(result.count("finding") for result in results)
    lines.append(f"| all | {total:,} | | | | | {findings:,} | |")
    return "\n".join(lines)


def format_mutations(results: Sequence[ReaderResult]) -> str:
    """Return a table with the percentage of undetected differences per reader and mutation."""
    mutations = sorted({mutation for result in results for mutation, _ in result.counts})
    headings = " | ".join(name.replace("_", " ") for name in mutations)
    lines = [f"| reader | {headings} |", "|---" * (len(mutations) + 1) + "|"]
    for result in results:
        cells = [_format_share(result, mutation) for mutation in mutations]
        lines.append(f"| {result.reader} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _format_share(result: ReaderResult, mutation: str) -> str:
    inputs = result.count(mutation=mutation)
    if not inputs:
        return ""
    different = result.count("different", "visible", mutation=mutation)
    return f"{100 * different / inputs:.1f}" if different else "0"
