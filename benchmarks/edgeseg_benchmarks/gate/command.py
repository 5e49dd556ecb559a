"""`edgeseg gate`: compare two benchmarks and fail on regressions."""

import math
from pathlib import Path

import click

from edgeseg.commands.options import reject_not_finite
from edgeseg.console import print_line, print_table, show_status
from edgeseg.errors import CheckError, IncomparableError, SystemSetupError, UsageError
from edgeseg.system.files import check_folders
from edgeseg_benchmarks.command import FILE
from edgeseg_benchmarks.gate.compare import compare_benches
from edgeseg_benchmarks.gate.remeasure import plan_remeasure
from edgeseg_benchmarks.gate.result import MEASURE_CHANGES, GateLimits, GateResult
from edgeseg_benchmarks.gate.summary import headline, to_tables, write_summaries
from edgeseg_benchmarks.record import read_bench

DEFAULTS = GateLimits()


def parse_share(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """Convert `2%` or `0.02` to a fraction of at least 0."""
    number, percent = value.strip().removesuffix("%"), value.strip().endswith("%")
    try:
        share = float(number) / 100 if percent else float(number)
    except ValueError:
        share = math.nan
    if not 0 <= share < math.inf or (share >= 1 and not percent):
        raise click.BadParameter(f"{value!r} is not a percentage. Use 2% or 0.02", ctx, param)
    return share


def parse_measure_changes(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, float]:
    """Convert `NAME=2%` to a dict from measurement to limit. Other limits keep their defaults."""
    limits = dict(MEASURE_CHANGES)
    for value in values:
        name, _, share = value.partition("=")
        if name not in limits:
            raise click.BadParameter(f"{name!r}: choose from {', '.join(limits)}", ctx, param)
        limits[name] = parse_share(ctx, param, share)
    return limits


@click.command()
@click.argument("baseline", type=FILE, metavar="BASELINE.json")
@click.argument("current", type=FILE, metavar="[CURRENT.json]", required=False)
@click.option(
    "--max-dice-drop",
    type=click.FloatRange(-1, 1),
    callback=reject_not_finite,
    default=DEFAULTS.dice_drop,
    show_default=True,
    metavar="X",
    help="Largest allowed drop of a data set's mean Dice.",
)
@click.option(
    "--max-photograph-drop",
    type=click.FloatRange(-1, 1),
    callback=reject_not_finite,
    default=DEFAULTS.photograph_drop,
    show_default=True,
    metavar="X",
    help="Largest allowed drop of one photograph's Dice.",
)
@click.option(
    "--max-size-growth",
    callback=parse_share,
    default=str(DEFAULTS.size_growth),
    metavar="P%",
    help="Largest allowed growth of a model file.  [default: 2%]",
)
@click.option(
    "--max-latency-ratio",
    type=click.FloatRange(0, min_open=True),
    callback=reject_not_finite,
    metavar="R",
    help="Largest allowed growth factor, from BASELINE to CURRENT, of the ratio between a row's "
    "time and the first row's time. 1.2 allows 20 % slower.  [default: no limit]",
)
@click.option(
    "--max-memory-ratio",
    type=click.FloatRange(0, min_open=True),
    callback=reject_not_finite,
    metavar="R",
    help="Largest allowed growth factor, from BASELINE to CURRENT, of the ratio between a row's "
    "memory and the first row's memory. 1.2 allows 20 % more.  [default: no limit]",
)
@click.option(
    "--max-measure-change",
    "measure_changes",
    multiple=True,
    callback=parse_measure_changes,
    metavar="NAME=P%",
    help="Largest allowed change of a measurement's mean, such as width_mean_rel=2%. Repeatable.",
)
@click.option(
    "--data",
    "specs",
    multiple=True,
    metavar="NAME:DIR",
    help="Folder of a data set that the baseline contains. Not required for synthetic "
    "photographs. Repeatable.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="FILE",
    help="Model file for a row of the baseline whose model is not shipped. Repeatable.",
)
@click.option("--summary", type=FILE, metavar="FILE", help="Write the result as Markdown.")
def gate(
    baseline: Path,
    current: Path | None,
    max_dice_drop: float,
    max_photograph_drop: float,
    max_size_growth: float,
    max_latency_ratio: float | None,
    max_memory_ratio: float | None,
    measure_changes: dict[str, float],
    specs: tuple[str, ...],
    models: tuple[str, ...],
    summary: Path | None,
) -> None:
    """Compare two outputs of `edgeseg bench --json`, and fail on regressions.

    If CURRENT is not given, the rows of BASELINE are measured on this device. The exit code is 4
    for a regression or a model that cannot be loaded, 5 if the benchmarks cannot be compared, and 6
    if a file given with --model does not exist.
    Time and memory are compared only if a limit is given, as ratios to the first row of the same
    file.
    """
    limits = GateLimits(
        max_dice_drop,
        max_photograph_drop,
        max_size_growth,
        max_latency_ratio,
        max_memory_ratio,
        measure_changes,
    )
    check_folders(summary)
    before = read_bench(baseline)
    if current is None:
        from edgeseg_benchmarks.runner import run_bench

        options, omitted = plan_remeasure(before, models, specs, max_latency_ratio is not None)
        with show_status() as show:
            now = run_bench(options, show)
        result = compare_benches(before, now, limits, omitted)
    elif specs or models:
        raise UsageError(
            "--data and --model cannot be combined with CURRENT.json. Omit one of them."
        )
    else:
        result = compare_benches(before, read_bench(current), limits)
    print_table(to_tables(result))
    _write_summary(result, summary)
    _check_result(result)


def _write_summary(result: GateResult, file: Path | None) -> None:
    """Write the summary. If the gate failed, print a write error instead of raising it."""
    try:
        write_summaries(result, file)
    except SystemSetupError as error:
        if result:
            raise
        print_line(f"edgeseg: {error}", err=True)


def _check_result(result: GateResult) -> None:
    """Raise an error that lists the first failures; regressions before incomparable values."""
    worse = result.with_outcome("worse")
    if worse:
        raise CheckError(f"gate {headline(result)}; {'; '.join(map(str, worse[:3]))}")
    if not result:
        entries = result.with_outcome("incomparable") or result.comparisons
        raise IncomparableError(f"gate {headline(result)}; {'; '.join(map(str, entries[:3]))}")
