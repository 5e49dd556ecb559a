"""`edgeseg gate`: did it get worse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from edgeseg.commands.options import reject_nan
from edgeseg.console import print_table
from edgeseg.errors import CheckError, IncomparableError, SystemSetupError, UsageError
from edgeseg.system.files import check_folders
from edgeseg_benchmarks.gate.judge import judge
from edgeseg_benchmarks.gate.remeasure import RemeasureOptions, measure, wanted
from edgeseg_benchmarks.gate.summary import headline, to_tables, write_summaries
from edgeseg_benchmarks.gate.verdict import GateLimits, GateResult, MetricComparison
from edgeseg_benchmarks.record.bench import BenchRecord, read_bench

DEFAULTS = GateLimits()
_FILE = click.Path(path_type=Path, dir_okay=False)


class Share(click.ParamType):  # type: ignore[type-arg]  # generic in the newest click only
    """`2%` or `0.02`."""

    name = "share"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """A share, at least 0."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = math.nan
        if not 0 <= share < math.inf or (share >= 1 and not text.endswith("%")):
            self.fail(f"{text!r} is no share; write it as 2% or 0.02", param, ctx)
        return share


@click.command()
@click.argument("baseline", type=_FILE, metavar="BASELINE.json")
@click.argument("current", type=_FILE, metavar="[CURRENT.json]", required=False)
@click.option("--max-dice-drop", type=click.FloatRange(-1, 1), callback=reject_nan, default=DEFAULTS.dice_drop,
              show_default=True, metavar="X", help="Largest drop of a data set's mean Dice.")  # fmt: skip
@click.option("--max-photograph-drop", type=click.FloatRange(-1, 1), callback=reject_nan,
              default=DEFAULTS.photograph_drop, show_default=True, metavar="X",
              help="Largest drop of one photograph's Dice.")  # fmt: skip
@click.option("--max-size-growth", type=Share(), default=DEFAULTS.size_growth, show_default="2%", metavar="P%",
              help="Largest growth of a model file.")  # fmt: skip
@click.option("--max-latency-ratio", type=click.FloatRange(0, min_open=True), callback=reject_nan, metavar="R",
              help="Largest growth of a row's time over the first row's, as a factor.  "
                   "[default: not judged]")  # fmt: skip
@click.option("--max-memory-ratio", type=click.FloatRange(0, min_open=True), callback=reject_nan, metavar="R",
              help="Largest growth of a row's memory over the first row's, as a factor.  "
                   "[default: not judged]")  # fmt: skip
@click.option("--data", "specs", multiple=True, metavar="NAME:DIR",
              help="Photographs of a data set that the baseline has; give it once for each. Drawn ones are "
                   "drawn.")  # fmt: skip
@click.option("--model", "models", multiple=True, metavar="FILE",
              help="The file of a model that the baseline has and that is not shipped.")  # fmt: skip
@click.option("--summary", type=_FILE, metavar="FILE", help="Write Markdown for a pull request.")
def gate(
    baseline: Path,
    current: Path | None,
    max_dice_drop: float,
    max_photograph_drop: float,
    max_size_growth: float,
    max_latency_ratio: float | None,
    max_memory_ratio: float | None,
    specs: tuple[str, ...],
    models: tuple[str, ...],
    summary: Path | None,
) -> None:
    """Compare CURRENT with BASELINE, both made by `edgeseg bench --json`; without CURRENT, measure it here and now.

    Exit code 4 where something got worse (a model that no longer loads too), 5 where the two cannot be compared. Time
    and memory are compared only as ratios to the first row of the same run, and judged only where a limit is given.
    """
    limits = GateLimits(
        max_dice_drop, max_photograph_drop, max_size_growth, max_latency_ratio, max_memory_ratio
    )
    check_folders(summary)
    before = read_bench(baseline)
    if current is None:
        order = wanted(before, models, specs)
        judgement = judge(before, _measured(order, limits), limits, order.left_out)
    elif specs or models:
        raise UsageError(
            "--data and --model are for a bench that is run now; leave them or CURRENT.json out"
        )
    else:
        judgement = judge(before, read_bench(current), limits)
    print_table(to_tables(judgement))
    _summarise(judgement, summary)
    _close(judgement)


def _measured(order: RemeasureOptions, limits: GateLimits) -> BenchRecord:
    """Progress goes to standard error, and only to a terminal."""
    console = Console(stderr=True)
    with console.status("measuring") as status:
        return measure(order, limits.latency_ratio is not None, status.update)


def _summarise(judgement: GateResult, file: Path | None) -> None:
    """Where the gate is closed, a summary that cannot be written is told, but does not hide why it closed."""
    try:
        write_summaries(judgement, file)
    except SystemSetupError as error:
        if judgement:
            raise
        click.echo(f"edgeseg: {error}", err=True)


def _close(judgement: GateResult) -> None:
    """Exit code 4 or 5 where the gate closes; what got worse outweighs what cannot be compared."""
    worse, incomparable = judgement.of("worse"), judgement.of("incomparable")
    if worse:
        raise CheckError(f"gate {headline(judgement)}; {_told(worse)}")
    if incomparable or not judgement:
        raise IncomparableError(
            f"gate {headline(judgement)}; {_told(incomparable or judgement.verdicts)}"
        )


def _told(verdicts: Sequence[MetricComparison], most: int = 3) -> str:
    """The first ones; the table has all."""
    more = len(verdicts) - most
    return "; ".join([*map(str, verdicts[:most]), *([f"and {more} more"] if more > 0 else [])])
