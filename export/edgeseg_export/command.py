"""`edgeseg convert`: a checkpoint becomes self-describing ONNX files, each checked before it is published."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import click
from rich.text import Text

from edgeseg.commands.options import reject_nan
from edgeseg.console import print_table
from edgeseg.datasets import DataSet, open_data
from edgeseg.errors import CheckError, UsageError
from edgeseg.evaluation.result import EvaluationResult
from edgeseg.models.card import Precision
from edgeseg.preprocessing.config import SIZE_RANGE
from edgeseg.system.files import make_folder, write_atomically
from edgeseg_export.onnx_graph.trace import OPSET
from edgeseg_export.precision.build import (
    MAKERS,
    Exported,
    ExportedFile,
    ExportOptions,
    Maker,
    export,
    make,
    torch_evidence,
    truth_of,
)
from edgeseg_export.precision.int8 import quantize_int8
from edgeseg_export.publish import publish_files, sha256
from edgeseg_export.report.html_report import render_report
from edgeseg_export.source import SourceNetwork, SourceOptions, open_source
from edgeseg_export.verify.parity import hold

DEFAULT_SIZE = "default"
DRAWN = "synthetic:4"
PRECISIONS: dict[str, tuple[Precision, ...]] = {
    "fp32": ("fp32",),
    "fp16": ("fp16", "fp16w"),
    "fp16w": ("fp16w",),
    "int8": ("int8",),
}
"""By the words of `--precision`."""


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path), metavar="CKPT")
@click.option("-o", "folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Folder for the model files.  [default: beside the checkpoint]")  # fmt: skip
@click.option("--precision", "words", metavar="LIST",
              help="Of fp32, fp16 (writes fp16 and fp16w), fp16w and int8, separated by commas.  "
                   "[default: fp32,fp16, and int8 with --calibrate]")  # fmt: skip
@click.option("--calibrate", multiple=True, metavar="NAME:DIR",
              help="Photographs with masks to calibrate INT8 on (their training and validation splits); give it once "
                   "for each data set.  [default: drawn ones]")  # fmt: skip
@click.option("--data", "specs", multiple=True, metavar="NAME:DIR",
              help="Photographs with masks to check on (their test split); give it once for each data set.  "
                   "[default: drawn ones]")  # fmt: skip
@click.option("--arch", metavar="NAME|module:factory|file.py:factory",
              help="The network, where the checkpoint does not say: one of the family, or a function without "
                   "arguments that returns a torch.nn.Module.")  # fmt: skip
@click.option("--preprocessing", metavar="NAME|FILE.toml",
              help="How that network is fed: edge, reference, or a TOML file.")  # fmt: skip
@click.option(
    "--output",
    metavar="[INDEX:]logit|probability",
    help="What that network gives.  [default: 0:logit]",
)
@click.option(
    "--size", type=click.IntRange(*SIZE_RANGE), metavar="N", help="Working size in pixels."
)
@click.option("--opset", type=click.IntRange(13, 20), default=OPSET, show_default=True, metavar="N",
              help="Of the ONNX graph.")  # fmt: skip
@click.option(
    "--no-simplify", "simplified", flag_value=False, default=True, help="Leave onnxsim out."
)
@click.option("--dynamic", is_flag=True, help="Height and width stay free.")
@click.option("--max-dice-drop", type=click.FloatRange(-1, 1), callback=reject_nan, metavar="X",
              help="Largest drop of a data set's mean Dice, instead of each precision's own limit.")  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write all that was measured as one page, with the worst photograph of each file.")  # fmt: skip
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object on standard output, and nothing else there.",
)
def convert(
    checkpoint: Path,
    folder: Path | None,
    words: str | None,
    calibrate: tuple[str, ...],
    specs: tuple[str, ...],
    arch: str | None,
    preprocessing: str | None,
    output: str | None,
    size: int | None,
    opset: int,
    simplified: bool,
    dynamic: bool,
    max_dice_drop: float | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Turn the checkpoint CKPT into checked, self-describing ONNX files, a file for each precision and working size.

    Files that pass every check are published together; of a precision that fails none is left there (exit code 4).
    """
    precisions = _precisions(words or ("fp32,fp16,int8" if calibrate else "fp32,fp16"))
    if "int8" in precisions and not calibrate:
        click.echo(
            "edgeseg: INT8 is calibrated on drawn photographs; give real ones with --calibrate",
            err=True,
        )
    for spec in calibrate:  # what is wrong with it is told now, not after minutes
        open_data(spec, "validation")
    makers: dict[Precision, Maker] = {**MAKERS, "int8": partial(quantize_int8, specs=calibrate)}
    source = open_source(checkpoint, SourceOptions(arch, preprocessing, size, output))
    data_sets = _open(specs)
    order = ExportOptions(
        precisions, data_sets, bool(specs), opset, simplified, dynamic, max_dice_drop
    )
    folder = folder or checkpoint.parent
    with _scratch() as scratch:
        exported = list(_export_all(source, checkpoint.stem, order, scratch))
        make_folder(folder)
        digest = sha256(checkpoint)
        conversions = [_convert(one, digest, order, makers) for one in exported]
        variants = [variant for conversion in conversions for variant in conversion.variants]
        publish_files(
            {folder / v.file.name: v.file for v in variants if v.evidence.passed},
            [folder / v.file.name for v in variants if not v.evidence.passed],
        )
    if html is not None:
        sections = [(variant.evidence, variant.measured) for variant in variants]
        references = [conversion.reference for conversion in conversions]
        write_atomically(
            html, render_report(f"Conversion of {checkpoint.name}", sections, references).encode()
        )
    if as_json:
        click.echo(json.dumps(_to_dict(conversions, digest), indent=2, allow_nan=False))
    else:
        _print(conversions, folder)
    _refuse_failed(variants)


@dataclass(frozen=True, eq=False)
class Conversion:
    """One working size: what PyTorch scored, and the files."""

    reference: EvaluationResult
    variants: tuple[ExportedFile, ...]


def _precisions(words: str) -> tuple[Precision, ...]:
    """`fp32,fp16` -> the files' precisions, each once."""
    unknown = [word for word in words.split(",") if word not in PRECISIONS]
    if unknown:
        raise UsageError(
            f"--precision {words}: {unknown[0]!r} is none; there are {', '.join(PRECISIONS)}"
        )
    return tuple(
        dict.fromkeys(precision for word in words.split(",") for precision in PRECISIONS[word])
    )


def _open(specs: Sequence[str]) -> tuple[DataSet, ...]:
    """The photographs to check on."""
    if not specs:
        return (hold(open_data(DRAWN, "test")),)
    data_sets = tuple(open_data(spec, "test") for spec in specs)
    names = [data_set.name for data_set in data_sets]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"--data {name}: given {names.count(name)} times; a card has one Dice for each data set"
            )
    for data_set in data_sets:
        if data_set.notice:
            click.echo(f"edgeseg: {data_set.name}: {data_set.notice}", err=True)
    return data_sets


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for what is not published yet; SIGTERM too takes it away, a gigabyte for the largest network."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
            yield Path(folder)
    finally:
        signal.signal(signal.SIGTERM, before)


def _export_all(
    source: SourceNetwork, stem: str, order: ExportOptions, scratch: Path
) -> Iterator[Exported]:
    """`NAME` for the default working size, `NAME-detail` for the one of that name."""
    for size in source.sizes:
        yield export(
            source,
            size,
            stem if size.name == DEFAULT_SIZE else f"{stem}-{size.name}",
            order,
            scratch,
        )


def _convert(
    exported: Exported, digest: str, order: ExportOptions, makers: Mapping[Precision, Maker]
) -> Conversion:
    truth = truth_of(exported, order, exported.file.parent)
    made = (
        make(precision, makers[precision], exported, digest, truth, order)
        for precision in order.precisions
    )
    return Conversion(torch_evidence(exported, truth), tuple(made))


def _to_dict(conversions: Sequence[Conversion], digest: str) -> dict[str, object]:
    """The contract of `edgeseg convert --json`: what PyTorch scored, and each file that passed or failed."""
    return {
        "checkpoint_sha256": digest,
        "references": [conversion.reference.to_dict() for conversion in conversions],
        "files": [variant.evidence.to_dict() for c in conversions for variant in c.variants],
    }


def _print(conversions: Sequence[Conversion], folder: Path) -> None:
    for variant in (variant for conversion in conversions for variant in conversion.variants):
        print_table(variant.evidence.to_check_table(), Text())
    for variant in (variant for conversion in conversions for variant in conversion.variants):
        if variant.evidence.passed:
            click.echo(f"{folder / variant.file.name}  {variant.evidence.file_bytes / 1e6:.2f} MB")


def _refuse_failed(variants: Sequence[ExportedFile]) -> None:
    failed = [
        f"{variant.file.name}: {check.name} ({check.note})"
        for variant in variants
        for check in variant.evidence.checks
        if not check
    ]
    if failed:
        raise CheckError(f"not published, a check failed: {'; '.join(failed)}")
