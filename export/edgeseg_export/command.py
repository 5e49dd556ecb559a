"""`edgeseg convert`: convert a checkpoint to checked ONNX files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from edgeseg.commands.options import json_option, reject_not_finite, reject_repeated_data
from edgeseg.console import print_line
from edgeseg.datasets import DataSet, open_data
from edgeseg.errors import ModelError, UsageError
from edgeseg.evaluation.result import EvaluationResult
from edgeseg.models.card import Precision
from edgeseg.system.files import check_folders, make_folder, write_atomically
from edgeseg.system.scratch_folder import scratch_folder
from edgeseg.system.standard_streams import divert_stdout
from edgeseg_export.onnx_graph.trace import OPSET
from edgeseg_export.precision.build import ExportedFile, build_file
from edgeseg_export.precision.fp32 import ExportOptions, Fp32Graph, export_fp32
from edgeseg_export.publish import check_model_name, file_sha256, list_stale_files, publish_files
from edgeseg_export.report.html_report import load_report_template, render_report
from edgeseg_export.report.summary import print_results, print_settings
from edgeseg_export.source import SourceNetwork, SourceOptions, open_source
from edgeseg_export.source_options import source_options
from edgeseg_export.verify.output_range import IMPLAUSIBLE_MASK
from edgeseg_export.verify.parity import compute_reference

# Default of `--data`.
DEFAULT_DATA = "synthetic:4"

# Precisions of the files for each value of `--precision`.
PRECISIONS: dict[str, tuple[Precision, ...]] = {
    "fp32": ("fp32",),
    "fp16": ("fp16", "fp16w"),
    "fp16w": ("fp16w",),
    "int8": ("int8",),
}


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path), metavar="CKPT")
@click.option(
    "-o",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for the model files.  [default: folder of CKPT]",
)
@click.option(
    "--name",
    metavar="NAME",
    help="Name of the model, as in NAME.fp32.onnx.  [default: CKPT without its suffix]",
)
@click.option(
    "--precision",
    "names",
    metavar="LIST",
    help="Precisions, separated by commas: fp32, fp16 (writes fp16 and fp16w), "
    "fp16w (FP16 weights, FP32 computation), int8.  "
    "[default: fp32,fp16; with --calibrate: fp32,fp16,int8]",
)
@click.option(
    "--calibrate",
    multiple=True,
    metavar="NAME:DIR",
    help="Data set for INT8 calibration (training and validation split). Repeatable.  "
    "[default with int8: synthetic photographs]",
)
@click.option(
    "--data",
    "specs",
    multiple=True,
    metavar="NAME:DIR",
    help="Data set for the checks (test split). Repeatable.  [default: synthetic photographs]",
)
@source_options
@click.option(
    "--opset",
    type=click.IntRange(13, 20),
    default=OPSET,
    show_default=True,
    metavar="N",
    help="ONNX opset of the graph.",
)
@click.option(
    "--no-simplify",
    "simplified",
    flag_value=False,
    default=True,
    help="Do not simplify the graph with onnxsim.",
)
@click.option("--dynamic", is_flag=True, help="Make height and width dynamic.")
@click.option(
    "--max-dice-drop",
    type=click.FloatRange(-1, 1),
    callback=reject_not_finite,
    metavar="X",
    help="Largest allowed drop of a data set's mean Dice.  [default: limit of each precision]",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write an HTML report with all checks and, for each file, the photograph whose mask "
    "changed most.",
)
@json_option
def convert(
    checkpoint: Path,
    folder: Path | None,
    name: str | None,
    names: str | None,
    calibrate: tuple[str, ...],
    specs: tuple[str, ...],
    source_choices: SourceOptions,
    opset: int,
    simplified: bool,
    dynamic: bool,
    max_dice_drop: float | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Convert the checkpoint CKPT to ONNX files, one for each precision and working size.

    At the end, all files that pass the checks are written to the output folder. If a file fails a
    check, it is not written, an older file with the same name is deleted, and the exit code is 4.
    If the conversion to one of the precisions fails, no file is written or deleted.
    """
    check_folders(html)
    if html is not None:
        load_report_template()  # report a missing extra before the conversion
    precisions = _parse_precisions(names or ("fp32,fp16,int8" if calibrate else "fp32,fp16"))
    _check_calibration(precisions, calibrate)
    model_name = check_model_name(checkpoint.stem if name is None else name)
    source = _open_source(checkpoint, source_choices)
    data_sets = _open_data_sets(specs or (DEFAULT_DATA,))
    options = ExportOptions(
        precisions, data_sets, bool(specs), calibrate, opset, simplified, dynamic, max_dice_drop
    )
    if not as_json:
        print_settings(source, checkpoint)
    digest = file_sha256(checkpoint)
    folder = folder or checkpoint.parent
    references: list[EvaluationResult] = []
    files: list[ExportedFile] = []
    with divert_stdout(), scratch_folder() as scratch, _name_checkpoint(checkpoint):
        graphs = [
            export_fp32(source, working_size, model_name, options, scratch)
            for working_size in source.sizes
        ]
        make_folder(folder)
        for graph in graphs:
            reference, graph_files = _convert_graph(graph, digest, options)
            references.append(reference)
            files += graph_files
        if html is not None:  # write the report before the model files, because writing may fail
            page = render_report(f"Conversion of {checkpoint.name}", files, references)
        _publish(files, folder)
    if html is not None:
        write_atomically(html, page.encode())
    print_results(digest, source, references, files, None if as_json else folder)


def _open_source(checkpoint: Path, options: SourceOptions) -> SourceNetwork:
    """Open the network, and report the ignored entries of the checkpoint."""
    with divert_stdout():
        source = open_source(checkpoint, options)
    if source.note:
        print_line(f"edgeseg: {checkpoint}: {source.note}", err=True)
    return source


def _parse_precisions(names: str) -> tuple[Precision, ...]:
    unknown = [name for name in names.split(",") if name not in PRECISIONS]
    if unknown:
        raise UsageError(
            f"--precision {names}: unknown precision {unknown[0]!r}. "
            f"Choose from {', '.join(PRECISIONS)}."
        )
    return tuple(dict.fromkeys(p for name in names.split(",") for p in PRECISIONS[name]))


def _check_calibration(precisions: Sequence[Precision], specs: Sequence[str]) -> None:
    """Report invalid or missing calibration data sets before the conversion starts."""
    if "int8" in precisions and not specs:
        click.echo(
            "edgeseg: INT8 is calibrated on synthetic photographs. "
            "Give real photographs with --calibrate.",
            err=True,
        )
    for spec in specs:
        open_data(spec, "train")
        open_data(spec, "validation")


def _open_data_sets(specs: Sequence[str]) -> tuple[DataSet, ...]:
    data_sets = tuple(open_data(spec, "test") for spec in specs)
    reject_repeated_data([data_set.name for data_set in data_sets])
    for data_set in data_sets:
        if data_set.notice:
            print_line(f"edgeseg: {data_set.name}: {data_set.notice}", err=True)
    return data_sets


@contextmanager
def _name_checkpoint(checkpoint: Path) -> Iterator[None]:
    """Add the checkpoint's path to errors about its network."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{checkpoint}: {error}") from error


def _convert_graph(
    graph: Fp32Graph, digest: str, options: ExportOptions
) -> tuple[EvaluationResult, list[ExportedFile]]:
    """Build the files of one working size. Each photograph is prepared once for all files."""
    reference = compute_reference(
        graph.network,
        graph.source.preprocessing,
        graph.size.threshold,
        options.data_sets,
        options.scored,
        graph.file.parent,
    )
    if graph.network.enlargement > 1:
        print_line(
            f"edgeseg: {graph.name}: the network's output is smaller than its input. The graph "
            f"enlarges it {graph.network.enlargement}x.",
            err=True,
        )
    if reference.implausible_masks:
        print_line(
            f"edgeseg: {graph.name}: {IMPLAUSIBLE_MASK}: {reference.implausible_masks}", err=True
        )
    result = EvaluationResult(
        graph.name, "fp32", "pytorch", "native", reference.threshold, reference.scores
    )
    return result, [build_file(p, graph, digest, reference, options) for p in options.precisions]


def _publish(files: Sequence[ExportedFile], folder: Path) -> None:
    """Write the files that passed, and delete files that failed or belong to another model.

    If a file could not be created, nothing is changed.
    """
    if not all(file.is_made for file in files):
        return
    passed = {folder / file.file.name: file.file for file in files if file.result.passed}
    failed = [folder / file.file.name for file in files if not file.result.passed]
    stale = {*list_stale_files(folder, [file.card for file in files])} - passed.keys()
    publish_files(passed, {*failed, *stale})
    for path in sorted(stale):
        print_line(
            f"edgeseg: {path}: deleted (created from another checkpoint or with other settings)",
            err=True,
        )
