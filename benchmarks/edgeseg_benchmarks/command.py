"""`edgeseg bench`: models side by side on the device at hand."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseg.errors import ModelError, SystemSetupError, UsageError
from edgeseg.system.files import check_folders

if TYPE_CHECKING:
    from edgeseg.models.card import Precision
    from edgeseg_benchmarks.record.bench import BenchRecord
    from edgeseg_benchmarks.rows import BenchOptions
    from edgeseg_benchmarks.runner import Note

RUNTIMES = ("onnxruntime", "openvino", "ncnn")
_FILE = click.Path(path_type=Path, dir_okay=False)


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic in the newest click only
    """`1,2,4` -> whole numbers from 1 to 1024, each once."""

    name = "numbers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Or say what is expected."""
        parts = str(value).split(",")
        if not all(
            part.isdecimal() and len(part) <= 4 and 1 <= int(part) <= 1024 for part in parts
        ):
            self.fail(
                f"{value!r}: expected numbers from 1 to 1024, separated by commas", param, ctx
            )
        return tuple(dict.fromkeys(map(int, parts)))


@click.command()
@click.option(
    "--fp16",
    is_flag=True,
    help="Also the rows fp16 and fp16w, and which of them this device would take.",
)
@click.option("--int8", is_flag=True, help="Also the row int8.")
@click.option(
    "--all", "every", is_flag=True, help="Every shipped model, precision and installed runtime."
)
@click.option("--model", "models", multiple=True, metavar="NAME|FILE",
              help="Also this shipped model or model file; give it once for each.")  # fmt: skip
@click.option("--data", multiple=True, metavar="NAME:DIR",
              help="Photographs with masks: Dice over their test split, and its drop against FP32; give it once for "
                   "each data set.")  # fmt: skip
@click.option("--threads", type=Numbers(), default=None, metavar="LIST",
              help="Numbers of threads, separated by commas.  [default: every core this process may use]")  # fmt: skip
@click.option("--runtime", "runtimes", multiple=True, type=click.Choice(RUNTIMES),
              help="Only this runtime; give it once for each.  [default: those that are installed]")  # fmt: skip
@click.option("--runs", type=click.IntRange(1, 10_000), metavar="N",
              help="Timed rounds.  [default: 20, fewer where a row takes long]")  # fmt: skip
@click.option("--warmup", type=click.IntRange(0, 1000), default=3, show_default=True, metavar="N",
              help="Untimed rounds before, one at least.")  # fmt: skip
@click.option("--reference", is_flag=True,
              help="Also ResUNet-Deeper in FP32 and FP16, with random weights (extra 'export').")  # fmt: skip
@click.option("--bounds/--no-bounds", default=True,
              help="Also what the first model costs against yardsticks: start, memory, all but the network.  "
                   "[default: on]")  # fmt: skip
@click.option(
    "--json", "json_file", type=_FILE, metavar="FILE", help="Write the record, for other programs."
)
@click.option("--csv", "csv_file", type=_FILE, metavar="FILE", help="Write the table as CSV.")
@click.option(
    "--html", type=_FILE, metavar="FILE", help="Write one self-contained page (extra 'bench')."
)
@click.option("--figures", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Write the page's pictures as PNG (extra 'bench').")  # fmt: skip
def bench(
    fp16: bool,
    int8: bool,
    every: bool,
    models: tuple[str, ...],
    data: tuple[str, ...],
    threads: tuple[int, ...] | None,
    runtimes: tuple[str, ...],
    runs: int | None,
    warmup: int,
    reference: bool,
    bounds: bool,
    json_file: Path | None,
    csv_file: Path | None,
    html: Path | None,
    figures: Path | None,
) -> None:
    """Measure models side by side on this device: size, latency, memory, Dice.

    Without options: the shipped model in FP32 on a drawn photograph. A row that fails says why and the table goes on;
    where it is one of --model, the exit code is 6.
    """
    from edgeseg_benchmarks.rows import BenchOptions
    from edgeseg_benchmarks.runner import run_bench

    if html is not None or figures is not None:
        _check_matplotlib()
    check_folders(json_file, csv_file, html)
    _check_data(data)
    if every and threads is not None and len(threads) > 1:
        raise UsageError("--all measures at one number of threads; give --threads one number")
    order = BenchOptions(
        models=tuple(dict.fromkeys(("default", *models))),
        precisions=_precisions(fp16, int8),
        every=every,
        runtimes=tuple(dict.fromkeys(runtimes)),
        threads=threads or (),
        data=data,
        rounds=runs,
        warmup=warmup,
        reference=reference,
        bounds=bounds,
    )
    with _progress() as note:
        record = run_bench(order, note)
    _print(record)
    _write(record, json_file, csv_file, html, figures)
    _refuse_failed(record, order)


def _precisions(fp16: bool, int8: bool) -> tuple[Precision, ...]:
    half: tuple[Precision, ...] = ("fp16", "fp16w") if fp16 else ()
    eight: tuple[Precision, ...] = ("int8",) if int8 else ()
    return ("fp32", *half, *eight)


def _check_data(data: tuple[str, ...]) -> None:
    names = [spec.partition(":")[0] for spec in data]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"--data {twice}: given {names.count(twice)} times; a row has one Dice for each data set"
        )


def _check_matplotlib() -> None:
    from edgeseg._version import __version__

    try:
        import matplotlib as mpl  # noqa: F401
    except ModuleNotFoundError as error:
        raise SystemSetupError(
            "--html and --figures need the extra 'bench' (matplotlib is not installed); in the clone: "
            f"pip install '.[bench]', with a wheel: pip install 'edgeseg-{__version__}-py3-none-any.whl[bench]'"
        ) from error


@contextmanager
def _progress() -> Iterator[Note]:
    """What is going on, on standard error, and only on a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("starting") as status:
        yield status.update


def _print(record: BenchRecord) -> None:
    from edgeseg.console import print_table
    from edgeseg_benchmarks.report.tables import to_table

    print_table(to_table(record))


def _write(
    record: BenchRecord,
    json_file: Path | None,
    csv_file: Path | None,
    html: Path | None,
    figures: Path | None,
) -> None:
    from edgeseg.system.files import make_folder, write_atomically

    if json_file is not None:
        write_atomically(
            json_file, (json.dumps(record.to_dict(), indent=2, allow_nan=False) + "\n").encode()
        )
    if csv_file is not None:
        from edgeseg_benchmarks.report.tables import to_csv

        write_atomically(csv_file, to_csv(record).encode())
    if html is not None:
        from edgeseg_benchmarks.report.html_report import render_page

        write_atomically(html, render_page(record).encode())
    if figures is not None:
        from edgeseg_benchmarks.report.plots import draw_plots

        make_folder(figures)
        for name, (_, data) in draw_plots(record, "png").items():
            write_atomically(figures / f"{name}.png", data)


def _refuse_failed(record: BenchRecord, order: BenchOptions) -> None:
    """Nothing measured, or a model that was named: then the exit code tells."""
    failed = [row for row in record.rows if not row.ok]
    if len(failed) == len(record.rows):
        raise ModelError(f"nothing could be measured; the first row: {failed[0].status}")
    if failed:
        click.echo(
            f"edgeseg: {len(failed)} of {len(record.rows)} rows failed; the table says why",
            err=True,
        )
    if (
        any(row.key.model not in ("default", "detail", "resunet-deeper") for row in failed)
        and len(order.models) > 1
    ):
        sys.exit(ModelError.exit_code)
