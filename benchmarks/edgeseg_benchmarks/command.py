"""`edgeseg bench`: compare models on this device."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseg.commands.options import reject_repeated_data
from edgeseg.errors import ModelError, UsageError
from edgeseg.system.files import check_folders, make_folder, write_atomically

if TYPE_CHECKING:
    from edgeseg.models.card import Precision
    from edgeseg_benchmarks.record import BenchRecord, BenchRuntime, RowKey

RUNTIMES = ("onnxruntime", "openvino", "ncnn")
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
THREADS = click.IntRange(1, 1024)


def parse_threads(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Convert `1,2,4` to numbers of threads without duplicates; () if not given."""
    if value is None:
        return ()
    numbers = [THREADS(part, param, ctx) for part in value.split(",")]
    return tuple(dict.fromkeys(numbers))


@click.command()
@click.option(
    "--fp16",
    is_flag=True,
    help="Also measure fp16 and fp16w, and show which of them suits this device.",
)
@click.option("--int8", is_flag=True, help="Also measure int8.")
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Measure every shipped model, precision and installed runtime.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME|FILE",
    help="Also measure this shipped model or model file. Repeatable.",
)
@click.option(
    "--data",
    multiple=True,
    metavar="NAME:DIR",
    help="Measure the Dice on the test split of this data set, and its drop relative to FP32. "
    "Repeatable.",
)
@click.option(
    "--measures",
    is_flag=True,
    help="Also measure the vessels in the predicted masks (requires --data).",
)
@click.option(
    "--threads",
    callback=parse_threads,
    metavar="LIST",
    help="Numbers of CPU threads, separated by commas. [default: all usable cores]",
)
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    type=click.Choice(RUNTIMES),
    help="Measure only this runtime. Repeatable. [default: all installed runtimes]",
)
@click.option(
    "--runs",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Number of timed rounds.  [default: 20, fewer for slow rows]",
)
@click.option(
    "--warmup",
    type=click.IntRange(0, 1000),
    default=3,
    show_default=True,
    metavar="N",
    help="Number of untimed rounds. At least one is run.",
)
@click.option(
    "--reference",
    is_flag=True,
    help="Also measure ResUNet-Deeper with random weights (requires extra 'export').",
)
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write the result as JSON.")
@click.option("--csv", "csv_file", type=FILE, metavar="FILE", help="Write the table as CSV.")
@click.option(
    "--html", type=FILE, metavar="FILE", help="Write an HTML page (requires extra 'bench')."
)
@click.option(
    "--figures", type=FOLDER, metavar="DIR", help="Write the plots as PNG (requires extra 'bench')."
)
def bench(
    fp16: bool,
    int8: bool,
    every: bool,
    models: tuple[str, ...],
    data: tuple[str, ...],
    measures: bool,
    threads: tuple[int, ...],
    runtimes: tuple[BenchRuntime, ...],
    runs: int | None,
    warmup: int,
    reference: bool,
    json_file: Path | None,
    csv_file: Path | None,
    html: Path | None,
    figures: Path | None,
) -> None:
    """Compare models on this device: size, latency, memory, Dice.

    Without options, the model `default` is measured in FP32 on a synthetic photograph. A row that
    cannot be measured contains the reason; the other rows are measured. The exit code is 6 if a
    model given with --model failed.
    """
    from edgeseg.console import print_table, show_status
    from edgeseg_benchmarks.options import BenchOptions
    from edgeseg_benchmarks.report.tables import to_table
    from edgeseg_benchmarks.rows import select_rows
    from edgeseg_benchmarks.runner import run_bench

    _check_extras(html, figures)
    check_folders(json_file, csv_file, html)
    _check_data(data, measures)
    if every and len(threads) > 1:
        raise UsageError(
            "--all: only one number of threads is supported. Give --threads one number."
        )
    precisions: list[Precision] = ["fp32"]
    if fp16:
        precisions += ["fp16", "fp16w"]
    if int8:
        precisions.append("int8")
    options = BenchOptions(
        models=tuple(dict.fromkeys(("default", *models))),
        precisions=tuple(precisions),
        every=every,
        runtimes=tuple(dict.fromkeys(runtimes)),
        threads=threads,
        data=data,
        measures=measures,
        rounds=runs,
        warmup=warmup,
        reference=reference,
    )
    requested = {row.key for row in select_rows(options) if row.model in models}
    with show_status() as show:
        record = run_bench(options, show)
    print_table(to_table(record))
    _write_files(record, json_file, csv_file, html, figures)
    _check_failures(record, requested)


def _check_extras(html: Path | None, figures: Path | None) -> None:
    from edgeseg_benchmarks.rows import require_extra

    if html is not None or figures is not None:
        require_extra("bench", "--html and --figures", "matplotlib")
    if html is not None:
        require_extra("html", "--html", "jinja2")


def _check_data(data: tuple[str, ...], measures: bool) -> None:
    if measures and not data:
        raise UsageError("--measures requires a data set. Add --data NAME:DIR.")
    reject_repeated_data([spec.partition(":")[0] for spec in data])


def _write_files(
    record: BenchRecord,
    json_file: Path | None,
    csv_file: Path | None,
    html: Path | None,
    figures: Path | None,
) -> None:
    if json_file is not None:
        write_atomically(json_file, record.to_json())
    if csv_file is not None:
        from edgeseg_benchmarks.report.tables import to_csv

        write_atomically(csv_file, to_csv(record).encode())
    if html is not None:
        from edgeseg_benchmarks.report.html_report import render_page

        write_atomically(html, render_page(record).encode())
    if figures is not None:
        from edgeseg_benchmarks.report.plots import draw_plots

        make_folder(figures)
        for name, data in draw_plots(record, "png").items():
            write_atomically(figures / f"{name}.png", data)


def _check_failures(record: BenchRecord, requested: Collection[RowKey]) -> None:
    """Exit with code 6 if all rows failed, or if a requested row failed.

    Args:
        record: result of the benchmark.
        requested: rows of the models that were given with --model.
    """
    failed = [row for row in record.rows if not row.ok]
    if len(failed) == len(record.rows):
        raise ModelError(f"every row failed. First row: {failed[0].status}")
    if failed:
        click.echo(
            f"edgeseg: {len(failed)} of {len(record.rows)} rows failed (reasons in the table)",
            err=True,
        )
    if any(row.key in requested for row in failed):
        sys.exit(ModelError.exit_code)
