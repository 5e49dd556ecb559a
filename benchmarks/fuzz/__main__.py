"""Read mutated files with every reader of edgeseg and count the outcomes.

    python -m fuzz --minutes N [--seed S] [--reader NAME] [-o FOLDER]
    python -m fuzz --inputs N ...      a fixed number of inputs per reader instead

An input is a finding if the reader crashes, hangs, requires more than 1 GB of memory, or raises an
exception that edgeseg does not define. Findings are saved in FOLDER. If there are findings, the
exit code is 1.
"""

import sys
from pathlib import Path

import click

from fuzz.readers import reader_names
from fuzz.supervisor import run_reader
from fuzz.table import format_tables
from fuzz.worker import Task

_NO_LIMIT = 10**9


@click.command()
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Total time in minutes.")
@click.option("--inputs", type=click.IntRange(1), help="Number of inputs per reader.")
@click.option("--first", type=click.IntRange(0), default=0, help="Number of the first input.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--reader",
    "names",
    multiple=True,
    help="Name of a reader, or the beginning of its name. Repeatable.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("fuzz-findings"))
def main(
    minutes: float | None,
    inputs: int | None,
    first: int,
    seed: int,
    names: tuple[str, ...],
    output: Path,
) -> None:
    """Read mutated files with every reader and print tables of the outcomes."""
    if (minutes is None) == (inputs is None):
        raise click.UsageError("Give either --minutes or --inputs.")
    selected = [name for name in reader_names() if not names or name.startswith(names)]
    if not selected:
        raise click.UsageError(f"No reader has this name. Known: {'; '.join(reader_names())}.")
    seconds = _NO_LIMIT if minutes is None else minutes * 60 / len(selected)
    results = []
    for name in selected:
        task = Task(name, seed, first, inputs or _NO_LIMIT, seconds)
        results.append(run_reader(task, output))
        counts = f"{results[-1].count():,} inputs, {len(results[-1].findings)} findings"
        click.echo(f"{name}: {counts}", err=True)
    click.echo(format_tables(results))
    sys.exit(1 if any(result.findings for result in results) else 0)


if __name__ == "__main__":
    main()
