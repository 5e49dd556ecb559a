"""`edgeseg evaluate`: a model's scores against manual masks."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseg.commands.options import data_options, model_options

if TYPE_CHECKING:
    from rich.progress import Progress

    from edgeseg.datasets import DataSet, SplitChoice
    from edgeseg.evaluation.protocols import Comparison, OnPhotograph
    from edgeseg.evaluation.result import EvaluationProtocol
    from edgeseg.evaluation.scores import DataSetScores, PhotographScores
    from edgeseg.models.catalog import PrecisionChoice
    from edgeseg.runtimes.base import ProviderChoice, RuntimeChoice
    from edgeseg.segmenter import Segmenter


@click.command()
@data_options
@model_options
@click.option("--protocol", type=click.Choice(["native", "reference", "reference-aligned"]), default="native",
              show_default=True, help="native: own size, the model's threshold, inside the published field of view. "
              "reference: stretched to 512x512, threshold 0.5, the whole frame. reference-aligned: the same, what is "
              "found moved by the half pixel that stretching to nearest moves the mask.")  # fmt: skip
@click.option("--second-observer", is_flag=True, help="Score the second human observer's masks in place of a model's: "
              "of drive (test), stare and chasedb1.")  # fmt: skip
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object on standard output, and nothing else there.",
)
@click.option("--figures", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Write DATASET_NAME.png for every photograph: beside it what was found (white), "
                   "false (red) and missed (blue).")  # fmt: skip
def evaluate(
    specs: tuple[str, ...],
    split: SplitChoice,
    model: str,
    precision: PrecisionChoice,
    runtime: RuntimeChoice,
    provider: ProviderChoice | None,
    threads: int | None,
    protocol: EvaluationProtocol,
    second_observer: bool,
    as_json: bool,
    figures: Path | None,
) -> None:
    """Score a model against manual vessel masks: Dice, IoU, accuracy, sensitivity, specificity and AUC.

    A photograph that cannot be segmented is reported and counted, and the rest goes on (exit code 3).
    """
    from edgeseg.console import print_table
    from edgeseg.evaluation.protocols import evaluation_threshold
    from edgeseg.evaluation.result import EvaluationResult
    from edgeseg.segmenter import Segmenter
    from edgeseg.system.files import make_folder

    if second_observer:
        _refuse_model()
    data_sets = _open(specs, split)
    segmenter = (
        None
        if second_observer
        else Segmenter(model, precision, runtime, threads, provider=provider)
    )
    if figures is not None:
        _check_collisions(data_sets)
        make_folder(figures)
    evidence = EvaluationResult(
        model=segmenter.file.name if segmenter else "second-observer",
        precision=segmenter.card.precision if segmenter else "",
        runtime=segmenter.runtime.name if segmenter else "",
        protocol=protocol,
        threshold=evaluation_threshold(segmenter, protocol),
        data_sets=tuple(_evaluate_all(data_sets, segmenter, protocol, figures)),
    )
    if as_json:
        click.echo(json.dumps(evidence.to_dict(), indent=2, allow_nan=False))
    else:
        print_table(evidence.to_tables())
    _tell_failures(evidence.data_sets)


def _refuse_model() -> None:
    from edgeseg.errors import UsageError

    context = click.get_current_context()
    for name in ("model", "precision", "runtime", "provider", "threads"):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise UsageError(
                f"--second-observer and --{name} exclude each other: a human observer needs no model"
            )


def _open(specs: Sequence[str], split: SplitChoice) -> list[DataSet]:
    from edgeseg.datasets import open_data

    data_sets = [open_data(spec, split) for spec in specs]
    for data_set in data_sets:
        if data_set.notice:
            click.echo(f"edgeseg: {data_set.name}: {data_set.notice}", err=True)
    return data_sets


def _check_collisions(data_sets: Sequence[DataSet]) -> None:
    from edgeseg.errors import UsageError

    names = Counter(
        _figure_name(data_set.name, pair.name) for data_set in data_sets for pair in data_set.pairs
    )
    name, times = names.most_common(1)[0]
    if times > 1:
        raise UsageError(
            f"--figures: {times} photographs would be written to {name}; evaluate their data sets apart"
        )


def _figure_name(data_set: str, photograph: str) -> str:
    return f"{data_set}_{photograph}.png"


def _evaluate_all(
    data_sets: Sequence[DataSet],
    segmenter: Segmenter | None,
    protocol: EvaluationProtocol,
    figures: Path | None,
) -> list[DataSetScores]:
    """One after the other; progress goes to standard error, and only to a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    from edgeseg.evaluation.protocols import evaluate as evaluate_one

    console = Console(stderr=True)
    # redirect_stdout would send standard output to this console, that is to standard error.
    with Progress(
        console=console, disable=not console.is_terminal, transient=True, redirect_stdout=False
    ) as bar:
        return [
            evaluate_one(segmenter, one, protocol, _watch(one, bar, figures)) for one in data_sets
        ]


def _watch(data_set: DataSet, bar: Progress, figures: Path | None) -> OnPhotograph:
    from edgeseg.console import safe_text

    task = bar.add_task(data_set.name, total=len(data_set.pairs))

    def note(photograph: PhotographScores, comparison: Comparison | None) -> None:
        if comparison is None:
            failure = f"edgeseg: {data_set.name} {photograph.name}: {photograph.status}"
            bar.console.print(
                safe_text(failure), soft_wrap=True
            )  # above the bar, where there is one
        elif figures is not None:
            _draw(comparison, figures / _figure_name(data_set.name, photograph.name))
        bar.advance(task)

    return note


def _draw(comparison: Comparison, file: Path) -> None:
    """Photograph on the left, prediction over truth on the right."""
    import numpy as np

    from edgeseg.imaging.overlay import draw_error_map
    from edgeseg.imaging.photo import encode_png
    from edgeseg.system.files import write_atomically

    vessels = draw_error_map(comparison.found, comparison.truth, comparison.counted)
    write_atomically(file, encode_png(np.hstack([comparison.photo, vessels])))


def _tell_failures(data_sets: Sequence[DataSetScores]) -> None:
    """Exit code 3 where a photograph could not be scored: its data set's mean is without it."""
    failed = sum(data_set.failed for data_set in data_sets)
    if failed:
        whole = sum(len(data_set.photographs) for data_set in data_sets)
        click.echo(
            f"edgeseg: {failed} of {whole} photographs not scored; the means are without them",
            err=True,
        )
        sys.exit(3)
