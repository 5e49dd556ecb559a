"""`edgeseg evaluate`: scores of a model against manual masks."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import Progress

from edgeseg.commands.options import data_options, json_option, model_options
from edgeseg.console import print_json, print_line, print_table, safe_text
from edgeseg.errors import UsageError
from edgeseg.system.files import make_folder, write_atomically
from edgeseg.system.standard_streams import divert_stdout

if TYPE_CHECKING:
    from edgeseg.datasets import DataSet, SplitChoice
    from edgeseg.evaluation.protocols import Comparison, OnPhotograph
    from edgeseg.evaluation.result import EvaluationProtocol
    from edgeseg.evaluation.scores import DataSetScores, PhotographScores
    from edgeseg.imaging.arrays import Photo
    from edgeseg.models.catalog import PrecisionChoice
    from edgeseg.runtimes.base import ProviderChoice, RuntimeChoice
    from edgeseg.segmenter import Segmenter


@click.command()
@data_options
@model_options
@click.option(
    "--protocol",
    type=click.Choice(["native", "reference", "reference-aligned"]),
    default="native",
    show_default=True,
    help="Evaluation protocol (see above).",
)
@click.option(
    "--second-observer",
    is_flag=True,
    help="Score the second human observer instead of a model. Only for stare, chasedb1 and the "
    "test split of drive.",
)
@json_option
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write one figure per photograph: correct vessels are white, false vessels red, missed "
    "vessels blue.",
)
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
    """Score a model against manual vessel masks.

    Print Dice, IoU, accuracy, sensitivity, specificity and AUC of every photograph, and their
    means. For the following measures, print only the means: clDice, the sensitivity for thin
    vessels, the absolute error of the vessel density, and the absolute error of the skeleton
    density. If a photograph cannot be segmented, it is reported and skipped, and the exit code is
    3.

    \b
    Protocols:
      native             original size, the model's threshold, pixels inside the
                         published field of view
      reference          protocol of ResUNet-Deeper: photograph and mask stretched
                         to 512x512, threshold 0.5, whole frame
      reference-aligned  like reference, with the prediction shifted by half a pixel,
                         because stretching shifts the manual mask by half a pixel
    """  # noqa: D301
    from edgeseg.evaluation.protocols import evaluation_threshold
    from edgeseg.evaluation.result import EvaluationResult
    from edgeseg.segmenter import Segmenter

    if second_observer:
        _reject_model_options()
    data_sets = _open_data_sets(specs, split)
    segmenter = None
    if not second_observer:
        with divert_stdout():
            segmenter = Segmenter(model, precision, runtime, threads, provider=provider)
    if figures is not None:
        _check_figure_names(data_sets)
        make_folder(figures)
    result = EvaluationResult(
        *_identify(segmenter),
        protocol,
        evaluation_threshold(segmenter, protocol),
        _evaluate_all(data_sets, segmenter, protocol, figures),
    )
    if as_json:
        print_json(result.to_dict())
    else:
        print_table(result.to_tables())
    _report_failures(result.data_sets)


def _identify(segmenter: Segmenter | None) -> tuple[str, str, str]:
    """Return the model, precision and runtime that produced the result."""
    if segmenter is None:
        return "second-observer", "", ""
    return segmenter.file.name, segmenter.card.precision, segmenter.runtime_name


def _reject_model_options() -> None:
    context = click.get_current_context()
    for name in ("model", "precision", "runtime", "provider", "threads"):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise UsageError(f"--second-observer cannot be combined with --{name}. Remove one.")


def _open_data_sets(specs: Sequence[str], split: SplitChoice) -> list[DataSet]:
    from edgeseg.datasets import open_data

    data_sets = [open_data(spec, split) for spec in specs]
    for data_set in data_sets:
        if data_set.notice:
            print_line(f"edgeseg: {data_set.name}: {data_set.notice}", err=True)
    return data_sets


def _check_figure_names(data_sets: Sequence[DataSet]) -> None:
    names: Counter[str] = Counter()
    for data_set in data_sets:
        names.update(_figure_name(data_set.name, pair.name) for pair in data_set.pairs)
    name, count = names.most_common(1)[0]
    if count > 1:
        raise UsageError(
            f"--figures: {count} photographs have the same figure name {name}. "
            "Evaluate their data sets separately."
        )


def _figure_name(data_set: str, photograph: str) -> str:
    return f"{data_set}_{photograph}.png"


def _evaluate_all(
    data_sets: Sequence[DataSet],
    segmenter: Segmenter | None,
    protocol: EvaluationProtocol,
    figures: Path | None,
) -> tuple[DataSetScores, ...]:
    """Evaluate the data sets in sequence, with a progress bar if standard error is a terminal."""
    from edgeseg.evaluation.protocols import evaluate as evaluate_data_set

    console = Console(stderr=True)
    scores: list[DataSetScores] = []
    # This console writes to standard error. With redirect_stdout, rich would also redirect standard
    # output to this console.
    with Progress(
        console=console, disable=not console.is_terminal, transient=True, redirect_stdout=False
    ) as progress:
        for data_set in data_sets:
            callback = _photograph_callback(data_set, progress, figures)
            scores.append(
                evaluate_data_set(segmenter, data_set, protocol, callback, structure=True)
            )
    return tuple(scores)


def _photograph_callback(
    data_set: DataSet, progress: Progress, figures: Path | None
) -> OnPhotograph:
    """Create a callback that reports failures and notes, and writes figures."""
    task = progress.add_task(data_set.name, total=len(data_set.pairs))
    printed: set[str] = set()

    def print_line(line: str) -> None:
        progress.console.print(safe_text(f"edgeseg: {data_set.name} {line}"), soft_wrap=True)

    def on_photograph(photograph: PhotographScores, comparison: Comparison | None) -> None:
        if comparison is None:
            print_line(f"{photograph.name}: {photograph.status}")
        else:
            for note in comparison.notes:
                if note not in printed:
                    print_line(note)
                    printed.add(note)
            if figures is not None:
                _write_figure(comparison, figures / _figure_name(data_set.name, photograph.name))
        progress.advance(task)

    return on_photograph


def _write_figure(comparison: Comparison, file: Path) -> None:
    """Write a figure: the photograph on the left and the error map on the right."""
    from edgeseg.imaging.encoder import encode_png_bands

    height, width = comparison.truth.shape
    figure = encode_png_bands(_figure_bands(comparison), 2 * width, height)
    write_atomically(file, figure, follow_links=False)


def _figure_bands(comparison: Comparison) -> Iterator[Photo]:
    import numpy as np

    from edgeseg.imaging.arrays import row_bands
    from edgeseg.imaging.overlay import draw_error_map

    for rows in row_bands(len(comparison.truth)):
        inside = None if comparison.inside is None else comparison.inside[rows]
        errors = draw_error_map(comparison.prediction[rows], comparison.truth[rows], inside)
        yield np.hstack([comparison.photo[rows], errors])


def _report_failures(data_sets: Sequence[DataSetScores]) -> None:
    """Exit with code 3 if a photograph could not be scored."""
    failed = sum(data_set.failed for data_set in data_sets)
    if failed:
        count = sum(len(data_set.photographs) for data_set in data_sets)
        click.echo(
            f"edgeseg: {failed} of {count} photographs could not be scored "
            "(excluded from the means)",
            err=True,
        )
        sys.exit(3)
